//! One of the two engines, with its listeners and the flights that it has named.

use std::time::Duration;

use crate::engine::{Claimed, Engine, FlightId, Listener};

use super::step::PROCESSES;

pub(super) struct Side<'a> {
    pub(super) engine: &'a dyn Engine,
    pub(super) flights: Flights,
    pub(super) listeners: [Option<Box<dyn Listener>>; PROCESSES],
}

impl<'a> Side<'a> {
    /// The time of a step.
    pub(super) const WITHIN: Duration = Duration::from_secs(5);

    pub(super) fn new(engine: &'a dyn Engine) -> Self {
        let (flights, listeners) = Default::default();
        Self { engine, flights, listeners }
    }
}

/// The flights of one engine, by numbers in the order in which it has named them.
#[derive(Default)]
pub(super) struct Flights(Vec<FlightId>);

impl Flights {
    fn number(&mut self, flight: &FlightId) -> usize {
        let known = self.0.iter().position(|known| known == flight);
        known.unwrap_or_else(|| {
            self.0.push(flight.clone());
            self.0.len() - 1
        })
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn id(&self, number: usize) -> Option<&FlightId> {
        self.0.get(number)
    }

    /// The number in what `named` has returned.
    pub(super) fn number_in(named: &FlightId) -> usize {
        named.as_str().parse().unwrap_or(usize::MAX)
    }

    /// The flight's number in place of its name.
    pub(super) fn named(&mut self, flight: &FlightId) -> FlightId {
        FlightId::new(self.number(flight).to_string())
    }

    /// An answer that two engines share: with the flight's number, and the age apart.
    pub(super) fn canonical(&mut self, mut claimed: Claimed) -> (Claimed, Option<Duration>) {
        let age = match &mut claimed {
            Claimed::Hit { flight, age, .. }
            | Claimed::Lead { flight, age }
            | Claimed::Follow { flight, age, .. }
            | Claimed::Wait { flight, age, .. } => {
                *flight = self.named(flight);
                Some(std::mem::take(age))
            }
            Claimed::Full | Claimed::Old | Claimed::Busy => None,
        };
        (claimed, age)
    }
}
