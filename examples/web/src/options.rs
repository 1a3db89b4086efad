//! [`Options`]: the arguments of the program.

use std::net::SocketAddr;

/// How the program is called.
pub const USAGE: &str = "\
web [ADDRESS] [--status ADDRESS] [--demo]

ADDRESS           where the site listens; 127.0.0.1:8080 if left out
--status ADDRESS  where the status pages listen; 127.0.0.1:8081 if left out
--demo            asks the site for pages all the time, so that the status page has much to show
";

/// The arguments of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where the site listens.
    pub site: SocketAddr,
    /// Where the status pages listen.
    pub status: SocketAddr,
    /// Asks the site for pages all the time.
    pub demo: bool,
}

impl Options {
    /// Reads the arguments after the name of the program. `None`: they ask for help.
    ///
    /// # Errors
    ///
    /// A text that says which argument is wrong, and what to write instead.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let (mut site, mut status, mut demo) = (None, None, false);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--demo" => demo = true,
                "--status" => {
                    let address = arguments.next().ok_or("--status needs an address after it")?;
                    set(&mut status, address, "127.0.0.1:8081")?;
                }
                option if option.starts_with('-') => {
                    return Err(format!("there is no option {option}; --help lists them"));
                }
                _ => set(&mut site, argument, "127.0.0.1:8080")?,
            }
        }
        let or = |address: Option<SocketAddr>, port| {
            address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)))
        };
        Ok(Some(Self { site: or(site, 8080), status: or(status, 8081), demo }))
    }
}

fn set(place: &mut Option<SocketAddr>, text: String, example: &str) -> Result<(), String> {
    let wrong = || format!("{text} is not an address; use one such as {example}");
    let address: SocketAddr = text.parse().map_err(|_| wrong())?;
    if address.port() == 0 {
        return Err(format!("{text} names no port; use an address such as {example}"));
    }
    match place.replace(address) {
        Some(first) => Err(format!("{first} and {address} are two addresses for one thing")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Options>, String> {
        Options::parse(arguments.iter().map(ToString::to_string))
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let options = |site: &str, status: &str, demo| {
            let [site, status] = [site, status].map(|text| text.parse().expect("an address"));
            Ok(Some(Options { site, status, demo }))
        };
        assert_eq!(parse(&[]), options("127.0.0.1:8080", "127.0.0.1:8081", false));
        assert_eq!(parse(&["--demo"]), options("127.0.0.1:8080", "127.0.0.1:8081", true));
        let all = ["--status", "[::1]:9", "--demo", "0.0.0.0:80"];
        assert_eq!(parse(&all), options("0.0.0.0:80", "[::1]:9", true));
        assert_eq!(parse(&["--demo", "-h", "--nonsense"]), Ok(None));
    }

    #[test]
    fn wrong_arguments_are_refused_with_a_hint() {
        let refused = [
            (&["everywhere"][..], "everywhere is not an address; use one such as 127.0.0.1:8080"),
            (&["--status", "8081"], "8081 is not an address; use one such as 127.0.0.1:8081"),
            (&["--status"], "--status needs an address after it"),
            (&["[::1]:0"], "[::1]:0 names no port; use an address such as 127.0.0.1:8080"),
            (&["--dome"], "there is no option --dome; --help lists them"),
            (
                &["127.0.0.1:1", "127.0.0.1:2"],
                "127.0.0.1:1 and 127.0.0.1:2 are two addresses for one thing",
            ),
        ];
        for (arguments, text) in refused {
            assert_eq!(parse(arguments), Err(text.to_owned()));
        }
    }
}
