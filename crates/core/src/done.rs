//! What a queue is through with.

/// Items to be dropped where nothing is borrowed any more. Nearly always there is one, which costs no memory.
#[derive(Debug)]
#[must_use]
pub struct Done<T> {
    first: Option<T>,
    rest: Vec<T>,
}

impl<T> Done<T> {
    /// Nothing yet; allocates nothing.
    #[inline]
    pub const fn new() -> Self {
        Self {
            first: None,
            rest: Vec::new(),
        }
    }

    /// One more.
    #[inline]
    pub fn push(&mut self, item: T) {
        if self.first.is_none() {
            self.first = Some(item);
        } else {
            self.rest.push(item);
        }
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    /// None?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl<T> IntoIterator for Done<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

impl<T> Default for Done<T> {
    fn default() -> Self {
        Self::new()
    }
}
