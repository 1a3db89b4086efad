//! The tables, in their own schema, which is dropped with the [`Schema`].

use anyhow::{Context, Result};
use postgres::{Client, Config, NoTls};

const CREATE: &str = "
    DROP SCHEMA IF EXISTS coalescer_example CASCADE;
    CREATE SCHEMA coalescer_example;
    CREATE TABLE orders (customer bigint, cents bigint);
    CREATE VIEW totals AS
        SELECT customer, count(*) AS orders, sum(cents)::bigint AS cents
        FROM orders GROUP BY customer;
    CREATE SEQUENCE queries;
";

/// There is no index on `customer`, so a query takes some milliseconds.
const FILL: &str = "
    INSERT INTO orders SELECT id % 100, id % 1000 FROM generate_series(1::bigint, $1) AS id
";

/// The connection that created the tables.
pub(crate) struct Schema {
    config: Config,
    client: Client,
}

impl Schema {
    /// Creates empty tables. Replaces those of a run that was killed.
    pub(crate) fn create(mut config: Config) -> Result<Self> {
        config.options("-c search_path=coalescer_example -c client_min_messages=warning");
        let mut client = config.connect(NoTls).context("cannot connect to the database")?;
        client.batch_execute(CREATE).context("cannot create the tables")?;
        Ok(Self { config, client })
    }

    /// Inserts this many orders of a hundred customers.
    pub(crate) fn fill(&mut self, orders: i64) -> Result<()> {
        self.client.execute(FILL, &[&orders]).context("cannot fill the table")?;
        Ok(())
    }

    /// The configuration of a client that finds the tables.
    pub(crate) fn config(&self) -> Config {
        self.config.clone()
    }

    /// Number of queries that have read a total.
    pub(crate) fn queries(&mut self) -> Result<i64> {
        // The `last_value` of an unused sequence is 1, too.
        let text = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM queries";
        Ok(self.client.query_one(text, &[])?.try_get(0)?)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        // If this fails, the next run drops the schema.
        self.client.batch_execute("DROP SCHEMA IF EXISTS coalescer_example CASCADE").ok();
    }
}
