//! A generational slab.

/// Where an item stands: index and generation. A key of a removed item finds nobody.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SlabKey(pub u64);

impl SlabKey {
    fn new(index: u32, generation: u32) -> Self {
        Self(u64::from(generation) << 32 | u64::from(index))
    }

    fn index(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

#[derive(Debug)]
enum Place<T> {
    Free { next: Option<u32>, generation: u32 },
    Taken { item: T, generation: u32 },
}

/// Items under keys; insert and remove are O(1), places are reused.
#[derive(Debug)]
pub struct Slab<T> {
    places: Vec<Place<T>>,
    free: Option<u32>,
    len: usize,
}

impl<T> Slab<T> {
    /// An empty slab; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            places: Vec::new(),
            free: None,
            len: 0,
        }
    }

    /// Puts an item in.
    #[inline]
    pub fn insert(&mut self, item: T) -> SlabKey {
        self.len += 1;
        if let Some(index) = self.free {
            let place = &mut self.places[index as usize];
            let Place::Free { next, generation } = *place else {
                unreachable!("the free list holds free places")
            };
            self.free = next;
            *place = Place::Taken { item, generation };
            return SlabKey::new(index, generation);
        }
        let index = u32::try_from(self.places.len()).expect("fewer than 2^32 items");
        self.places.push(Place::Taken {
            item,
            generation: 0,
        });
        SlabKey::new(index, 0)
    }

    /// The item, unless it is gone.
    #[inline]
    #[must_use]
    pub fn get(&self, key: SlabKey) -> Option<&T> {
        match self.places.get(key.index())? {
            Place::Taken { item, generation } if *generation == key.generation() => Some(item),
            _ => None,
        }
    }

    /// The item, unless it is gone.
    #[inline]
    pub fn get_mut(&mut self, key: SlabKey) -> Option<&mut T> {
        match self.places.get_mut(key.index())? {
            Place::Taken { item, generation } if *generation == key.generation() => Some(item),
            _ => None,
        }
    }

    /// Takes the item out; its key is stale from now on.
    #[inline]
    pub fn remove(&mut self, key: SlabKey) -> Option<T> {
        self.get(key)?;
        let generation = key.generation().wrapping_add(1);
        let freed = Place::Free {
            next: self.free,
            generation,
        };
        let place = std::mem::replace(&mut self.places[key.index()], freed);
        self.free = Some(key.index() as u32);
        self.len -= 1;
        match place {
            Place::Taken { item, .. } => Some(item),
            Place::Free { .. } => None,
        }
    }

    /// How many items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// None?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All items with their keys.
    pub fn iter(&self) -> impl Iterator<Item = (SlabKey, &T)> {
        self.places
            .iter()
            .enumerate()
            .filter_map(|(index, place)| match place {
                Place::Taken { item, generation } => {
                    Some((SlabKey::new(index as u32, *generation), item))
                }
                Place::Free { .. } => None,
            })
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}
