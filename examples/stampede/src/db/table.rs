//! The table: its query, and what each row of the answer must be.
//!
//! A row is made by arithmetic on its number, once in SQL as the table is filled and once in Rust
//! as the expected answers are added up. So an answer is checked against something that has never
//! been in the database.

use anyhow::Result;

/// Of one customer. There is no index on `customer`, so this reads the table from end to end: some
/// milliseconds of real work. Both databases understand it.
pub(super) const QUERY: &str = "SELECT count(*), \
     CAST(coalesce(sum(cents), 0) AS bigint), CAST(coalesce(max(cents), 0) AS bigint) \
     FROM coalescer_stampede WHERE customer = $1";

/// The row of the order with number `id`, for a given number of customers.
pub(super) const ROW: &str = "id, id % $2, (id * 7919) % 10007 + 1";

/// Makes the orders of a table; the connection that may write.
pub(crate) trait Table {
    /// Empties the table, and puts the orders `0..rows` of so many customers into it.
    fn fill(&mut self, rows: u64, customers: u64) -> Result<()>;

    /// Makes customer 0's answer wrong, to see that it is noticed.
    fn spoil(&mut self) -> Result<()>;
}

/// The answer: how many orders a customer has, what they come to, and the largest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) orders: i64,
    pub(crate) cents: i64,
    pub(crate) largest: i64,
}

/// The right answer for each customer.
pub(crate) struct Expected(Vec<Total>);

impl Expected {
    /// Of a table that was filled in the same way.
    pub(crate) fn new(rows: u64, customers: u64) -> Self {
        let mut totals = vec![Total::default(); customers as usize];
        for id in 0..rows {
            let cents = (id * 7919 % 10_007 + 1) as i64;
            let total = &mut totals[(id % customers) as usize];
            total.orders += 1;
            total.cents += cents;
            total.largest = total.largest.max(cents);
        }
        Self(totals)
    }

    pub(crate) fn is_right(&self, customer: u64, answer: &Total) -> bool {
        self.0.get(customer as usize) == Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_answer_is_the_customers_own() {
        let expected = Expected::new(5, 2);
        // The orders 0, 2 and 4 cost 1, 5832 and 1656 cents.
        let first = Total { orders: 3, cents: 1 + 5832 + 1656, largest: 5832 };
        assert!(expected.is_right(0, &first));
        assert!(!expected.is_right(1, &first));
        assert!(!expected.is_right(2, &first));
    }

    #[test]
    fn an_answer_that_is_off_by_one_anywhere_is_wrong() {
        let expected = Expected::new(5, 2);
        let right = Total { orders: 3, cents: 7489, largest: 5832 };
        assert!(expected.is_right(0, &right));
        assert!(!expected.is_right(0, &Total { orders: 4, ..right }));
        assert!(!expected.is_right(0, &Total { cents: 7490, ..right }));
        assert!(!expected.is_right(0, &Total { largest: 5831, ..right }));
    }

    #[test]
    fn a_customer_without_orders_has_nothing() {
        assert!(Expected::new(3, 10).is_right(9, &Total::default()));
    }
}
