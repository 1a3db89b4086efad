//! The default hasher, as types of this crate: the hash function may change without a breaking
//! release.

use std::hash::{BuildHasher, Hash, Hasher};

/// The hasher of a coalescer or group unless [`Builder::hasher`](crate::Builder::hasher) sets
/// another: fast, and seeded at random for each coalescer.
///
/// # Examples
///
/// This type is the default of the last type parameter, so a program seldom names it:
///
/// ```
/// use coalescer::{DefaultHashBuilder, Group};
///
/// let group: Group<u64, u64, (), DefaultHashBuilder> = Group::new();
/// let same: Group<u64, u64, ()> = group;
/// assert_eq!(*same.execute(&7, || Ok(49)).unwrap(), 49);
/// ```
#[derive(Clone, Debug, Default)]
pub struct DefaultHashBuilder(hashbrown::DefaultHashBuilder);

impl BuildHasher for DefaultHashBuilder {
    type Hasher = DefaultHasher;

    #[inline]
    fn build_hasher(&self) -> DefaultHasher {
        DefaultHasher(self.0.build_hasher())
    }

    #[inline]
    fn hash_one<T: Hash>(&self, x: T) -> u64 {
        self.0.hash_one(x)
    }
}

/// The state of a [`DefaultHashBuilder`] while it hashes one key.
#[allow(missing_debug_implementations, reason = "a state that no program shows")]
pub struct DefaultHasher(<hashbrown::DefaultHashBuilder as BuildHasher>::Hasher);

/// Forwards each integer to the hasher's own method for it, which is faster than bytes.
macro_rules! forward {
    ($($write:ident: $ty:ty,)+) => {
        impl Hasher for DefaultHasher {
            #[inline]
            fn finish(&self) -> u64 {
                self.0.finish()
            }

            #[inline]
            fn write(&mut self, bytes: &[u8]) {
                self.0.write(bytes);
            }

            $(#[inline]
            fn $write(&mut self, number: $ty) {
                self.0.$write(number);
            })+
        }
    };
}

forward! {
    write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64, write_u128: u128,
    write_usize: usize, write_i8: i8, write_i16: i16, write_i32: i32, write_i64: i64,
    write_i128: i128, write_isize: isize,
}
