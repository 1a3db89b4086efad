//! Many keys: pages of orders, read with a query for each order, and with one query for all of a page.
//!
//! `ways.rs` shows how to use the library. The same pages are read in each way, by a batcher of its own.

mod pages;
mod report;
mod ways;

use std::sync::Arc;

use anyhow::Result;
use coalescer::Batcher;

use self::pages::Pages;
use self::report::{Report, Row};
use self::ways::Way;
use crate::calibrate;
use crate::db::Database;
use crate::live::Live;
use crate::options::Options;
use crate::report::print_result;

/// The orders of a page.
const PAGE: usize = 100;

pub(super) fn demonstrate(options: &Options) -> Result<()> {
    options.check_many(PAGE as u32)?;
    let report = measure(options, &mut Live::new(options.json))?;
    print_result(&report, options.json, report.wrong)
}

fn measure(options: &Options, live: &mut Live) -> Result<Report> {
    // In this order, because the connections must close before their table is dropped.
    let (connections, mut table) = crate::open(options)?;
    let database = Arc::new(Database::new(connections).delayed(options.delay()));
    let pages = options.mode.pages();
    table.fill(pages * PAGE as u64, options.keys())?;
    if options.spoil {
        table.spoil()?;
    }
    let mut report = Report::new(options, calibrate::alone(|| database.orders(&[0]))?);
    live.say(&report.introduction());
    for way in Way::ALL {
        let backend = Arc::clone(&database);
        let orders = way.build(Batcher::builder().name("orders"), move |ids: &[u64]| {
            // One query, for any number of orders.
            backend.orders(ids)
        });
        let queries = database.queries();
        let pages = Pages::read(way, &orders, pages, options.keys())?;
        let row = Row::new(way, database.queries() - queries, &pages, orders.stats());
        live.say(&row.said());
        report.add(row);
    }
    Ok(report)
}
