//! A short list that is nearly always empty or of one: the callbacks of a future.

/// None, one, or many, in order of arrival.
#[derive(Debug, Default)]
pub enum Waiters<T> {
    /// Nobody.
    #[default]
    None,
    /// One; no allocation.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T> Waiters<T> {
    /// Adds one at the end. (Made by a function: so the first, nearly always the only one, is written where it stays.)
    #[inline(always)]
    pub fn push(&mut self, item: impl FnOnce() -> T) {
        if matches!(self, Self::None) {
            *self = Self::One(item());
        } else {
            self.push_behind(item());
        }
    }

    #[inline(never)]
    fn push_behind(&mut self, item: T) {
        *self = match self.take() {
            Self::None => Self::One(item),
            Self::One(first) => Self::Many(vec![first, item]),
            Self::Many(mut items) => {
                items.push(item);
                Self::Many(items)
            }
        };
    }

    /// Hands all out, leaving nobody.
    #[inline]
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Self::None)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Nobody?
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }

    /// All, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.as_slice().iter()
    }
}
