//! Refreshes: the load of one hot key, over a backend that is slow, with values that are replaced at the end of their
//! window, and before it.
//!
//! `ways.rs` shows how to use the library. Each phase begins with a value, and has the same requests.

mod report;
mod ways;

use std::sync::Arc;

use anyhow::Result;
use coalescer::Coalescer;

use self::report::{Report, Row};
use self::ways::Way;
use crate::calibrate;
use crate::db::Database;
use crate::db::table::Expected;
use crate::live::Live;
use crate::options::Options;
use crate::orders::Orders;
use crate::phase::Load;
use crate::report::print_result;
use crate::schedule;

/// The rows of the table. To read them takes microseconds: the backend is slow by its delay.
const ROWS: u64 = 1000;

/// Requests per second.
const RATE: f64 = 4000.0;

pub(super) fn demonstrate(options: &Options) -> Result<()> {
    options.check_refresh()?;
    let rate = options.rate.unwrap_or(RATE);
    options.check_rate(rate)?;
    let report = measure(options, rate, &mut Live::new(options.json))?;
    print_result(&report, options.json, report.wrong)
}

fn measure(options: &Options, rate: f64, live: &mut Live) -> Result<Report> {
    // In this order, because the connections must close before their table is dropped.
    let (connections, mut table) = crate::open(options)?;
    let database = Arc::new(Database::new(connections).delayed(options.delay()));
    table.fill(ROWS, options.keys())?;
    if options.spoil {
        table.spoil()?;
    }
    let mut report = Report::new(options, calibrate::alone(|| database.total(0))?, rate);
    live.say(&report.introduction());
    live.headings("way");
    let load = Load {
        database: &database,
        expected: &Expected::new(ROWS, options.keys()),
        arrivals: &schedule::draw(options, rate)?,
        length: options.phase(),
        threads: options.threads(),
    };
    for way in Way::ALL {
        let backend = Arc::clone(&database);
        let builder = Coalescer::builder().name("totals");
        let totals = way.build(builder, options.window(), move |customer| backend.total(*customer));
        let orders = Orders::of(totals.clone());
        // The first value of all would be waited for in any way.
        orders.total(0)?;
        let phase = load.run(way.name(), Some(&orders), live)?;
        report.add(Row::new(way, phase));
        // A refresh that the executor still runs, or has not begun, must not count in the next phase.
        totals.execute_within(&0, ways::refresh_after(options.window()))?;
    }
    Ok(report)
}
