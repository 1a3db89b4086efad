//! The connection for messages, which one thread reads.

use std::collections::{HashMap, VecDeque};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use coalescer_cluster::engine::{EngineError, ErrorKind, Inbox, Listener, Message};
use redis::{Connection, Msg, Value};

use crate::error::{During, of_client, unexpected};
use crate::message::{common_channel, decode, inbox_channel};
use crate::source::Source;
use crate::sync::{Deadline, Mutex};

/// A read returns after so long, to see if another listener has taken the inbox.
const LONGEST_READ: Duration = Duration::from_secs(1);

/// A socket's time-out must not be zero.
const SHORTEST_READ: Duration = Duration::from_micros(1);

/// The listeners of a process: for each inbox the number of the youngest.
#[derive(Default)]
pub(crate) struct Listeners {
    numbers: Mutex<(u64, HashMap<Inbox, u64>)>,
}

impl Listeners {
    fn enter(&self, inbox: &Inbox) -> u64 {
        let mut numbers = self.numbers.lock();
        numbers.0 += 1;
        let number = numbers.0;
        numbers.1.insert(inbox.clone(), number);
        number
    }

    fn has(&self, inbox: &Inbox, number: u64) -> bool {
        self.numbers.lock().1.get(inbox) == Some(&number)
    }

    fn leave(&self, inbox: &Inbox, number: u64) {
        let mut numbers = self.numbers.lock();
        if numbers.1.get(inbox) == Some(&number) {
            numbers.1.remove(inbox);
        }
    }
}

pub(crate) struct Subscribed {
    connection: Connection,
    inbox: Inbox,
    /// Messages that came while something else was waited for.
    waiting: VecDeque<Message>,
    is_broken: bool,
    number: u64,
    listeners: Arc<Listeners>,
}

impl Subscribed {
    pub(crate) fn new(
        source: &Source,
        listeners: &Arc<Listeners>,
        inbox: &Inbox,
        within: Duration,
    ) -> Result<Self, EngineError> {
        let deadline = Deadline::after(within);
        let connection = source.connect_one(deadline)?;
        let (waiting, inbox, listeners) = (VecDeque::new(), inbox.clone(), listeners.clone());
        let mut subscribed =
            Self { connection, inbox, waiting, is_broken: false, number: 0, listeners };
        subscribed.subscribe(deadline)?;
        subscribed.number = subscribed.listeners.enter(&subscribed.inbox);
        Ok(subscribed)
    }

    fn subscribe(&mut self, deadline: Deadline) -> Result<(), EngineError> {
        let mut command = redis::cmd("SUBSCRIBE");
        command.arg(inbox_channel(&self.inbox)).arg(common_channel(self.inbox.namespace()));
        self.send(&command, deadline)?;
        self.wait_for(b"subscribe", deadline)?;
        self.wait_for(b"subscribe", deadline)
    }

    fn send(&mut self, command: &redis::Cmd, deadline: Deadline) -> Result<(), EngineError> {
        let left = deadline.left().clamp(SHORTEST_READ, LONGEST_READ);
        let sent = self.connection.set_write_timeout(Some(left));
        let sent =
            sent.and_then(|()| self.connection.send_packed_command(&command.get_packed_command()));
        sent.map_err(|error| self.broken(&error))
    }

    /// Reads until that answer comes. Messages before it are kept.
    fn wait_for(&mut self, answer: &[u8], deadline: Deadline) -> Result<(), EngineError> {
        loop {
            let left = deadline.left();
            if left.is_zero() {
                self.is_broken = true;
                return Err(ErrorKind::TimedOut.into());
            }
            let read = self.connection.set_read_timeout(Some(left.min(Duration::from_secs(3600))));
            let read = read.and_then(|()| self.connection.recv_response()?.extract_error());
            let value = read.map_err(|error| self.broken(&error))?;
            match &value {
                Value::Array(parts) if is(parts, answer) => return Ok(()),
                Value::Array(parts) if is(parts, b"message") => {
                    let message =
                        Msg::from_owned_value(value).and_then(|message| self.read(&message));
                    self.waiting.extend(message);
                }
                _ => {
                    self.is_broken = true;
                    return Err(unexpected("an answer that nobody asked for"));
                }
            }
        }
    }

    /// A message that is none of ours is skipped.
    fn read(&self, message: &Msg) -> Option<Message> {
        decode(message.get_payload_bytes()).filter(|message| match message {
            // The word to all comes to the one who sends it, too.
            Message::ForgetAll { from, .. } => *from != self.inbox,
            _ => true,
        })
    }

    /// Reads one message of anybody. `None`: none came.
    fn receive(&mut self, within: Duration) -> Result<Option<Message>, EngineError> {
        // Its drop would end the subscription. It has nothing of its own: messages are kept by `wait_for` alone.
        let mut channels = ManuallyDrop::new(self.connection.as_pubsub());
        let read = channels.set_read_timeout(Some(within)).and_then(|()| channels.get_message());
        match read {
            Ok(message) => Ok(self.read(&message)),
            Err(error) if error.is_timeout() => Ok(None),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// A message that has been read already.
    pub(crate) fn take_waiting(&mut self) -> Option<Message> {
        self.waiting.pop_front()
    }

    fn broken(&mut self, error: &redis::RedisError) -> EngineError {
        self.is_broken = true;
        of_client(error, During::AStep)
    }

    fn check(&self) -> Result<(), EngineError> {
        let text = match self.is_broken {
            true => "the connection for messages has failed before",
            false if !self.listeners.has(&self.inbox, self.number) => {
                "somebody else listens at this inbox"
            }
            false => return Ok(()),
        };
        Err(EngineError::new(ErrorKind::Lost, text))
    }
}

#[cfg(test)]
impl Subscribed {
    /// Leaves the channels, and waits until the server knows. The end of a connection is noticed some time later.
    pub(crate) fn unsubscribe(&mut self, within: Duration) -> Result<(), EngineError> {
        let deadline = Deadline::after(within);
        self.send(&redis::cmd("UNSUBSCRIBE"), deadline)?;
        self.wait_for(b"unsubscribe", deadline)?;
        self.wait_for(b"unsubscribe", deadline)
    }
}

impl Listener for Subscribed {
    fn next(&mut self, within: Duration) -> Result<Option<Message>, EngineError> {
        let deadline = Deadline::after(within);
        loop {
            self.check()?;
            if let Some(message) = self.take_waiting() {
                return Ok(Some(message));
            }
            let left = deadline.left();
            let received = self.receive(left.clamp(SHORTEST_READ, LONGEST_READ))?;
            if let Some(message) = received {
                // Whatever came to a former listener is lost, as it may have come before.
                self.check()?;
                return Ok(Some(message));
            }
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    fn ping(&mut self, within: Duration) -> Result<(), EngineError> {
        self.check()?;
        let deadline = Deadline::after(within);
        self.send(&redis::cmd("PING"), deadline)?;
        self.wait_for(b"pong", deadline)
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.listeners.leave(&self.inbox, self.number);
    }
}

fn is(parts: &[Value], kind: &[u8]) -> bool {
    matches!(parts.first(), Some(Value::BulkString(bytes)) if bytes == kind)
}
