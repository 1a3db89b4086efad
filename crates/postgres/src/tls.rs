//! How a connection is made: with the user's TLS, or without.

use std::future::Future;
use std::pin::Pin;

use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Error, Socket};

pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A client, and the future that carries its messages.
pub(crate) type Dialled = Result<(Client, Boxed<()>), Error>;

pub(crate) trait Dial: Send + Sync {
    fn dial(&self, config: &Config) -> Boxed<Dialled>;
}

pub(crate) struct With<T>(pub(crate) T);

impl<T> Dial for With<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn dial(&self, config: &Config) -> Boxed<Dialled> {
        let (config, tls) = (config.clone(), self.0.clone());
        Box::pin(async move {
            let (client, connection) = config.connect(tls).await?;
            // Its error is that of the statement that it breaks.
            let carries: Boxed<()> = Box::pin(async move { drop(connection.await) });
            Ok((client, carries))
        })
    }
}
