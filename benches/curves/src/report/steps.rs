//! The steepest step of each line: where a cliff would be seen, if there were one.
//!
//! Steep is a step between two neighbouring points at which the cost more than doubles while what it
//! is compared with does nothing of the kind. So each line's steepest step stands beside the step
//! that its floor takes at the same place. What goes through all that there is may grow with it.
//! Whether a steep step is a cliff, or noise of the machine, is for a reader to find out.

use crate::curve::{Curve, Kind, Lane};
use crate::raw::Measured;
use crate::report::table;

/// A step that is steeper is marked, unless the floor's is nearly so as well.
const STEEP: f64 = 2.0;

/// How much steeper than its floor's a marked step is.
const OVER_THE_FLOOR: f64 = 1.5;

/// By how much the cost grows from one point to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    from: f64,
    to: f64,
    factor: f64,
}

pub(crate) fn table<'a>(curves: impl Iterator<Item = (&'static Curve, &'a Measured)>) -> String {
    let header = ["line", "from first to last", "steepest step", "at", "its floor there", "steep"];
    let rows = curves.flat_map(|(curve, measured)| {
        let lanes = curve.lanes.iter().filter(|lane| lane.kind != Kind::Floor);
        lanes.filter_map(move |lane| row(curve, lane, measured))
    });
    table::markdown(header.map(str::to_string).to_vec(), rows)
}

fn row(curve: &Curve, lane: &Lane, measured: &Measured) -> Option<Vec<String>> {
    let points = measured.medians(lane.name);
    let steepest = steepest(&points, lane)?;
    let floor = match lane.kind {
        Kind::Over(floor) => step(&measured.medians(floor), lane, steepest.from, steepest.to),
        Kind::Each => Some(Step { factor: steepest.to / steepest.from, ..steepest }),
        Kind::Alone | Kind::Floor => None,
    };
    let whole = step(&points, lane, points.first()?.0, points.last()?.0)?;
    let place = [steepest.from, steepest.to].map(|x| curve.x.1.write(x)).join(" to ");
    let is_steep = is_steep(&steepest, floor.as_ref());
    Some(vec![
        format!("{}: {}", curve.name, lane.title),
        times(&whole),
        times(&steepest),
        place,
        floor.as_ref().map_or(String::new(), times),
        if is_steep { "**yes**" } else { "no" }.to_string(),
    ])
}

fn times(step: &Step) -> String {
    format!("x {:.2}", step.factor)
}

fn is_steep(step: &Step, floor: Option<&Step>) -> bool {
    let by_itself = floor.map_or(1.0, |floor| floor.factor.max(1.0));
    step.factor > STEEP && step.factor > OVER_THE_FLOOR * by_itself
}

fn steepest(points: &[(f64, f64)], lane: &Lane) -> Option<Step> {
    let steps = points.windows(2).filter_map(|pair| step(points, lane, pair[0].0, pair[1].0));
    steps.max_by(|one, other| one.factor.total_cmp(&other.factor))
}

/// The step between two places at which both ends were measured. Of a speed it is the loss.
fn step(points: &[(f64, f64)], lane: &Lane, from: f64, to: f64) -> Option<Step> {
    let at = |place: f64| points.iter().find(|point| point.0 == place).map(|point| point.1);
    let growth = at(to)? / at(from)?;
    let factor = if lane.unit.is_speed() { growth.recip() } else { growth };
    factor.is_finite().then_some(Step { from, to, factor })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Unit;

    fn lane(unit: Unit) -> Lane {
        Lane { name: "hit", title: "hit", unit, kind: Kind::Alone }
    }

    #[test]
    fn the_steepest_step_of_a_cost_is_where_it_grows_and_of_a_speed_where_it_falls() {
        let points = [(1.0, 10.0), (10.0, 15.0), (100.0, 60.0), (1000.0, 6.0)];
        let steepest_of = |unit| steepest(&points, &lane(unit)).expect("there are steps");
        assert_eq!(steepest_of(Unit::Time), Step { from: 10.0, to: 100.0, factor: 4.0 });
        assert_eq!(steepest_of(Unit::PerSecond), Step { from: 100.0, to: 1000.0, factor: 10.0 });
    }

    #[test]
    fn a_step_that_the_floor_takes_too_is_not_steep() {
        let step = |factor| Step { from: 1.0, to: 10.0, factor };
        assert!(is_steep(&step(3.0), None));
        assert!(is_steep(&step(3.0), Some(&step(1.1))));
        assert!(!is_steep(&step(3.0), Some(&step(2.5))));
        assert!(!is_steep(&step(1.9), Some(&step(0.1))));
    }

    #[test]
    fn a_line_of_one_point_has_no_step() {
        assert_eq!(steepest(&[(1.0, 10.0)], &lane(Unit::Time)), None);
    }
}
