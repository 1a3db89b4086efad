//! Jobs that the executor keeps. A call that follows such a flight would wait for a later step.

use super::{Answer, FlightId, Model};
use crate::script::{Call, Settings};

/// Settings with which no call waits for a job: each one that follows it times out at once.
pub(super) fn beside_jobs(settings: Settings) -> Settings {
    Settings {
        max_wait: Some(0),
        leader_timeout: None,
        max_join_age: None,
        max_requests: None,
        ..settings
    }
}

impl Model {
    pub(crate) fn kept_jobs(&self) -> usize {
        self.jobs.len()
    }

    /// S124: the job of this flight. A thread that runs a job itself runs one that it passes on.
    pub(super) fn begin_job(&mut self, call: &Call, flight: FlightId, is_passed_on: bool) {
        let is_kept = self.subject.keeps_jobs() && !(is_passed_on && self.jobs_under_way > 0);
        match is_kept {
            true => self.jobs.push_back(flight),
            false => self.run_job(call, flight),
        }
    }

    fn run_job(&mut self, call: &Call, flight: FlightId) {
        self.jobs_under_way += 1;
        let (answer, life) = self.run(call, Some(flight));
        self.jobs_under_way -= 1;
        self.publish(flight, &answer, life);
    }

    pub(super) fn run_kept(&mut self, call: &Call) -> Answer {
        let job = self.jobs.pop_front();
        if let Some(flight) = job {
            self.run_job(call, flight);
        }
        Answer::Job(job.is_some())
    }

    /// S48, S123: it counts as refused, and its refresh has failed.
    pub(super) fn drop_kept(&mut self) -> Answer {
        let job = self.jobs.pop_front();
        if let Some(flight) = job {
            self.lose(Some(flight));
        }
        Answer::Job(job.is_some())
    }

    /// S33: a call that follows this flight, at its deadline.
    pub(super) fn time_out(&mut self, flight: FlightId) -> Answer {
        let flight = self.flights.iter_mut().find(|other| other.id == flight);
        flight.expect("it has not ended").served += 1;
        self.stats.timed_out += 1;
        Answer::TimedOut
    }
}
