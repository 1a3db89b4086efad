//! The system under test, step by step beside the model.

use std::sync::Arc;

use coalescer::at_rest;
use proptest_state_machine::StateMachineTest;

use crate::model::Model;
use crate::script::Step;
use crate::stage::Stage;

#[derive(Debug)]
pub(crate) struct System(Arc<Stage>);

impl StateMachineTest for System {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        Self(Stage::new(&model.settings, model.subject))
    }

    fn apply(state: Self, model: &Model, step: Step) -> Self {
        state.0.step(&step);
        assert_eq!(state.0.take_answers(), model.answers);
        state
    }

    fn check_invariants(Self(stage): &Self, model: &Model) {
        assert_eq!(stage.door.stats(), model.stats);
        let begun = stage.door.in_flight().iter().filter(|flight| flight.executions > 0).count();
        assert_eq!(begun, model.kept_jobs(), "everything else has returned");
        let kept = stage.products();
        assert!(kept >= model.live_products(), "what the window keeps is there");
        let limit = model.settings.max_retained.unwrap_or(usize::MAX);
        assert!(kept <= limit, "{kept} results are kept, and {limit} may be");
    }

    fn teardown(Self(stage): Self, model: Model) {
        stage.drop_jobs();
        assert_eq!(stage.door.forget_all(), model.live_results());
        assert_eq!(stage.products(), 0, "values and errors leave with what is forgotten");
        assert_eq!(stage.keys(), 0, "and so do keys");
        let held = stage.door.at_rest();
        assert_eq!((held.slots, held.places, held.handles), (0, 0, 1), "something stayed behind");
        let process = at_rest::of_process();
        assert_eq!((process.flights, process.waits), (0, 0), "left in the wait-for graph");
        assert_eq!(at_rest::alarms_of(&stage.clock), 0, "an alarm is armed");
    }
}
