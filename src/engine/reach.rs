//! [`Reach`]: the calls that a result is for, and how long it is for late ones.
//!
//! A slot keeps the lifetime of its result beside other numbers of 32 bits, so [`Life`] has as many.

use std::time::Duration;

use crate::share::ShareWith;
use crate::wait::clock::{FOREVER, Nanos, nanos};

/// A leader's [`ShareWith`](crate::ShareWith), in the form that the engine decides with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach(Life);

/// How long late calls get a result, from its start: as long as the window lasts, or a time.
///
/// A time is `significand * 10^exponent` nanoseconds, with 28 and 4 bits. So a time of eight decimal digits
/// is exact, and any other is rounded down. No exponent is 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life(u32);

const EXPONENT_BITS: u32 = 4;
const LARGEST_SIGNIFICAND: Nanos = (1 << (u32::BITS - EXPONENT_BITS)) - 1;

/// The powers of ten.
static POWERS: [Nanos; 1 << EXPONENT_BITS] = {
    let mut powers = [1; 1 << EXPONENT_BITS];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = 10 * powers[exponent - 1];
        exponent += 1;
    }
    powers
};

impl Reach {
    /// All calls. A result without a rule is for them.
    pub(crate) const EVERYONE: Self = Self(Life::WHOLE);
    /// The calls that wait, and no late ones.
    pub(crate) const FOLLOWERS: Self = Self(Life(u32::MAX));
    /// The leader alone.
    pub(crate) const NOBODY: Self = Self(Life(u32::MAX - (1 << EXPONENT_BITS)));

    /// The calls that wait, and late ones for this time.
    pub(crate) fn for_time(time: Duration) -> Self {
        if time.is_zero() { Self::FOLLOWERS } else { Self(Life::of(time)) }
    }

    /// How long late calls get the result, if they do.
    #[inline]
    pub(crate) fn life(self) -> Option<Life> {
        (self != Self::FOLLOWERS && self != Self::NOBODY).then_some(self.0)
    }

    /// The rule's word, to tell it to another process.
    pub(crate) fn share_with(self) -> ShareWith {
        match self.life() {
            Some(life) if life.is_whole() => ShareWith::Everyone,
            Some(life) => ShareWith::For(Duration::from_nanos(life.time())),
            None if self == Self::NOBODY => ShareWith::Nobody,
            None => ShareWith::Followers,
        }
    }
}

impl From<ShareWith> for Reach {
    #[inline]
    fn from(share_with: ShareWith) -> Self {
        match share_with {
            ShareWith::Everyone => Self::EVERYONE,
            ShareWith::For(time) => Self::for_time(time),
            ShareWith::Followers => Self::FOLLOWERS,
            ShareWith::Nobody => Self::NOBODY,
        }
    }
}

impl Life {
    pub(crate) const WHOLE: Self = Self(0);

    /// A lifetime of this time, which is not zero.
    fn of(time: Duration) -> Self {
        let time = nanos(time);
        if time == FOREVER {
            return Self::WHOLE;
        }
        let (mut significand, mut exponent) = (time, 0);
        while significand > LARGEST_SIGNIFICAND {
            significand /= 10;
            exponent += 1;
        }
        let significand = u32::try_from(significand).expect("it has 28 bits");
        Self(significand << EXPONENT_BITS | exponent)
    }

    #[inline(always)]
    pub(crate) fn is_whole(self) -> bool {
        self == Self::WHOLE
    }

    /// The time that a result of this life serves calls, if it could serve them for `longest`.
    #[inline(always)]
    pub(crate) fn within(self, longest: Nanos) -> Nanos {
        if self.is_whole() { longest } else { longest.min(self.time()) }
    }

    /// The time of a lifetime that is not as long as the window.
    // A call here would cost every hit the registers that it saves.
    #[inline(always)]
    pub(crate) fn time(self) -> Nanos {
        let exponent = self.0 as usize % POWERS.len();
        Nanos::from(self.0 >> EXPONENT_BITS) * POWERS[exponent]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(time: Duration) -> Duration {
        match Reach::for_time(time).life() {
            Some(Life::WHOLE) => Duration::MAX,
            life => Duration::from_nanos(life.expect("it is for late calls").time()),
        }
    }

    /// S74
    #[test]
    fn a_lifetime_of_eight_digits_is_exact() {
        for nanos in [1, 2, 999, 1_000, 33_333_333, 268_435_455, 99_999_999_000] {
            assert_eq!(rounded(Duration::from_nanos(nanos)).as_nanos(), u128::from(nanos));
        }
        for seconds in [1, 2, 59, 61, 299, 300, 3_599, 86_400, 31_536_000, 99_999_999] {
            let time = Duration::from_secs(seconds);
            assert_eq!((rounded(time), rounded(time / 1_000)), (time, time / 1_000));
        }
        assert_eq!(rounded(Duration::MAX), Duration::MAX);
    }

    proptest::proptest! {
        /// S74
        #[test]
        fn a_lifetime_is_never_longer_and_hardly_shorter(nanos in 1..u64::MAX, shift in 0..64_u32) {
            let time = Duration::from_nanos((nanos >> shift).max(1));
            let rounded = rounded(time);
            proptest::prop_assert!(rounded <= time && time - rounded <= time / 20_000_000);
        }
    }

    #[test]
    fn no_time_at_all_is_for_followers() {
        assert_eq!(Reach::for_time(Duration::ZERO), Reach::FOLLOWERS);
    }
}
