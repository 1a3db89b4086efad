//! The table, its query, and the correct answers.
//!
//! A row is computed from its number twice: in SQL, to fill the table, and in Rust, to add up the correct
//! answers. So the check of an answer does not depend on the database.

use anyhow::Result;
use serde::{Deserialize, Serialize};

/// The total of one customer. There is no index on `customer`, so the query reads the whole table, which
/// takes some milliseconds. Both databases understand it.
pub(super) const QUERY: &str = "SELECT count(*), \
     CAST(coalesce(sum(cents), 0) AS bigint), CAST(coalesce(max(cents), 0) AS bigint) \
     FROM coalescer_stampede WHERE customer = $1";

/// The row of the order with number `id`, for a given number of customers, as [`order`] computes it.
pub(super) const ROW: &str = "id, id % $2, (id * 7919) % 10007 + 1";

/// The connection that writes the table.
pub(crate) trait Table {
    /// Replaces the contents of the table by the orders `0..rows` of this many customers.
    fn fill(&mut self, rows: u64, customers: u64) -> Result<()>;

    /// Makes the answer of customer 0 wrong, to test that the run notices it.
    fn spoil(&mut self) -> Result<()>;
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) customer: i64,
    pub(crate) cents: i64,
}

/// The correct row of the order with number `id`.
pub(crate) fn order(id: u64, customers: u64) -> Order {
    Order { customer: (id % customers) as i64, cents: (id * 7919 % 10_007 + 1) as i64 }
}

/// The answer: number, sum and largest of the orders of a customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Total {
    pub(crate) orders: i64,
    pub(crate) cents: i64,
    pub(crate) largest: i64,
}

/// The correct answer for each customer.
pub(crate) struct Expected(Vec<Total>);

impl Expected {
    /// The answers of a table that was filled with the same arguments.
    pub(crate) fn new(rows: u64, customers: u64) -> Self {
        let mut totals = vec![Total::default(); customers as usize];
        for id in 0..rows {
            let Order { customer, cents } = order(id, customers);
            let total = &mut totals[customer as usize];
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
