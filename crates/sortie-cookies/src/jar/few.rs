//! A list that is most often one long, as the cookies of a domain are.

/// Of one item it needs no allocation, and so whoever looks at it takes one step less.
pub(super) enum Few<T> {
    One(T),
    /// None, or several.
    Many(Vec<T>),
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> Few<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::One(item) => std::slice::from_mut(item),
            Self::Many(items) => items,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&mut self, item: T) {
        *self = match std::mem::take(self) {
            Self::One(first) => Self::Many(vec![first, item]),
            Self::Many(items) if items.is_empty() => Self::One(item),
            Self::Many(mut items) => {
                items.push(item);
                Self::Many(items)
            }
        };
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        match self {
            Self::One(item) if keep(item) => {}
            Self::One(_) => *self = Self::default(),
            Self::Many(items) => items.retain(keep),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list() {
        let mut few = Few::default();
        assert!(few.is_empty());
        for length in 1..5 {
            few.push(length);
            assert_eq!(few.as_slice(), (1..=length).collect::<Vec<_>>());
            assert_eq!(few.as_mut_slice().len(), few.len());
        }
        few.retain(|item| item % 2 == 0);
        assert_eq!(few.as_slice(), [2, 4]);
        few.retain(|_| false);
        assert!(few.is_empty());
        few.push(7);
        few.retain(|_| true);
        assert_eq!(few.as_slice(), [7]);
        few.retain(|_| false);
        assert!(few.is_empty());
    }
}
