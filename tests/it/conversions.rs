//! Errors through `?`, with the usual error types of programs.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use coalescer::{DynError, Error, Group};

type Boxed = Box<dyn StdError + Send + Sync>;

fn fails<E>(error: E) -> Result<Arc<u32>, Error<E>> {
    let group: Group<u32, u32, E> = Group::new();
    group.execute(&1, || Err(error))
}

fn disk() -> io::Error {
    io::Error::other("disk on fire")
}

#[test]
fn an_error_type_goes_into_anyhow_with_its_chain() {
    // S59
    fn call() -> anyhow::Result<u32> {
        Ok(*fails(disk())?)
    }
    let error = call().unwrap_err();
    assert_eq!(format!("{error:#}"), "the function failed: disk on fire");
    assert!(error.is::<Error<io::Error>>());
    assert!(error.chain().any(|cause| cause.is::<io::Error>()));
}

#[test]
fn an_error_type_goes_into_eyre_with_its_chain() {
    // S59
    fn call() -> eyre::Result<u32> {
        Ok(*fails(disk())?)
    }
    let error = call().unwrap_err();
    assert_eq!(format!("{error:#}"), "the function failed: disk on fire");
    assert!(error.chain().any(|cause| cause.is::<io::Error>()));
}

#[test]
fn an_error_type_goes_into_a_box_with_its_chain() {
    // S59
    fn call() -> Result<u32, Boxed> {
        Ok(*fails(disk())?)
    }
    let error = call().unwrap_err();
    assert!(error.is::<Error<io::Error>>());
    assert!(error.source().unwrap().is::<io::Error>());
}

#[test]
fn an_error_of_anyhow_or_eyre_or_a_box_goes_there_by_a_method() {
    // S59
    fn of_anyhow() -> anyhow::Result<u32> {
        let error = anyhow::Error::from(disk()).context("reading row");
        Ok(*fails(error).map_err(Error::into_dyn)?)
    }
    fn of_eyre() -> eyre::Result<u32> {
        Ok(*fails(eyre::Report::from(disk())).map_err(Error::into_dyn)?)
    }
    fn of_box() -> Result<u32, Boxed> {
        Ok(*fails(Boxed::from(disk())).map_err(Error::into_dyn)?)
    }
    let error = of_anyhow().unwrap_err();
    assert_eq!(format!("{error:#}"), "the function failed: reading row: disk on fire");
    assert!(error.chain().any(|cause| cause.is::<io::Error>()));
    let inner = error.downcast_ref::<DynError<anyhow::Error>>().unwrap();
    assert_eq!(inner.0.failed().unwrap().to_string(), "reading row");

    let error = of_eyre().unwrap_err();
    assert!(error.chain().any(|cause| cause.is::<io::Error>()));
    let error = of_box().unwrap_err();
    assert!(error.source().unwrap().is::<io::Error>());
}

#[test]
fn the_failures_of_the_library_have_no_source() {
    // S59
    let errors = [
        Error::<io::Error>::Abandoned,
        Error::TimedOut,
        Error::WouldBlock,
        Error::WouldDeadlock,
        Error::Rejected,
        Error::LeaderPanicked { message: None },
    ];
    for error in errors {
        assert!(error.source().is_none());
        let text = error.to_string();
        assert_eq!(error.into_failed().unwrap_err().to_string(), text);
    }
}

#[derive(Clone, Debug, thiserror::Error)]
enum DbError {
    #[error("no such user")]
    NotFound,
    #[error("no answer")]
    NoAnswer(#[from] Error<Infallible>),
}

#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error("users are unavailable")]
    Users(#[from] Error<DbError>),
}

#[derive(Debug)]
struct ByHand(Error<DbError>);

impl From<Error<DbError>> for ByHand {
    fn from(error: Error<DbError>) -> Self {
        Self(error)
    }
}

#[test]
fn an_error_type_of_the_user_takes_it_with_one_line() {
    // S59
    fn by_thiserror() -> Result<u32, AppError> {
        Ok(*fails(DbError::NotFound)?)
    }
    fn by_hand() -> Result<u32, ByHand> {
        Ok(*fails(DbError::NotFound)?)
    }
    let error = anyhow::Error::from(by_thiserror().unwrap_err());
    let chain = "users are unavailable: the function failed: no such user";
    assert_eq!(format!("{error:#}"), chain);
    assert!(by_hand().unwrap_err().0.is_failed());
}

#[test]
fn an_own_error_stays_and_the_failures_of_the_library_are_taken() {
    // S59: with one handle the error is moved, with two it is cloned.
    let own = fails(DbError::NotFound).map_err(|error| error.failed_or(DbError::from));
    assert!(matches!(own, Err(DbError::NotFound)));
    let shared = fails(DbError::NotFound).unwrap_err();
    assert!(matches!(shared.clone().failed_or(DbError::from), DbError::NotFound));
    assert!(shared.is_failed());
    let library = Error::<DbError>::TimedOut.failed_or(DbError::from);
    assert!(matches!(library, DbError::NoAnswer(Error::TimedOut)));
}
