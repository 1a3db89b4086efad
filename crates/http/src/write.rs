//! [`Write`]: a request that may change pages, and which ones its response says it has changed.

use http::header::{CONTENT_LOCATION, FORWARDED, HOST, LOCATION};
use http::{HeaderMap, HeaderName, StatusCode, request};

use crate::gates::request_fields::Class;
use crate::key::Key;
use crate::location::{Location, normal_authority, normal_path};

/// A request with an unsafe method, before the handler has it.
#[derive(Debug)]
pub(crate) struct Write {
    /// The site of the request. `None` if it is not clear, and for a request without `Host`.
    authority: Option<String>,
    /// The names of the site by which a `Location` may call it: also those that a proxy states.
    names: Vec<String>,
    /// The path of the request, and the paths that fields of the request put in its place.
    paths: Vec<String>,
}

impl Write {
    /// Returns `None` if the method is safe and no field replaces it: such a request changes nothing.
    pub(crate) fn of(request: &request::Parts) -> Option<Self> {
        let overrides = |name: &HeaderName| Class::of(name) == Class::Override;
        let is_method = |name: &HeaderName| overrides(name) && name.as_str().contains("method");
        if request.method.is_safe() && !request.headers.keys().any(is_method) {
            return None;
        }
        let mut paths = vec![normal_path(request.uri.path()).into_owned()];
        let stated = request.headers.iter().filter(|(name, _)| overrides(name));
        let stated = stated.filter_map(|(_, value)| value.to_str().ok());
        paths.extend(stated.filter_map(|path| Location::of(path, "/")).map(|place| place.path));
        let mut names = names(request);
        let is_clear = names.windows(2).all(|names| names[0] == names[1]);
        let authority = names.first().filter(|_| is_clear).cloned();
        names.extend(proxied_names(&request.headers));
        Some(Self { authority, names, paths })
    }

    /// The paths whose pages are old now, in their normal form. Empty if the write has failed.
    pub(crate) fn changed(&self, status: StatusCode, headers: &HeaderMap) -> Vec<String> {
        if !status.is_success() && !status.is_redirection() {
            return Vec::new();
        }
        let stated = [LOCATION, CONTENT_LOCATION];
        let stated = stated.iter().flat_map(|name| headers.get_all(name)).filter_map(|value| {
            let location = Location::of(value.to_str().ok()?, &self.paths[0])?;
            let is_here = location.authority.is_none_or(|name| self.names.contains(&name));
            is_here.then_some(location.path)
        });
        let mut paths: Vec<_> = self.paths.iter().cloned().chain(stated).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// Returns `true` if a page may be one of the write's own site.
    pub(crate) fn is_at(&self, key: &Key) -> bool {
        let is_same =
            |own: &String| key.authority().is_empty() || *own == normal_authority(key.authority());
        self.authority.as_ref().is_none_or(is_same)
    }
}

/// The names in the target and in `Host`.
fn names(request: &request::Parts) -> Vec<String> {
    let in_uri = request.uri.authority().map(|authority| authority.as_str());
    let in_host = request.headers.get_all(HOST).iter();
    let in_host = in_host.map(|host| host.to_str().unwrap_or_default());
    in_uri
        .into_iter()
        .chain(in_host)
        .filter(|name| !name.is_empty())
        .map(normal_authority)
        .collect()
}

/// The names that a proxy states. A client may state them too: then pages are forgotten in vain.
fn proxied_names(headers: &HeaderMap) -> Vec<String> {
    let lines = |name: &HeaderName| -> Vec<_> {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    };
    let hosts = ["x-forwarded-host", "x-original-host", "x-host"].map(HeaderName::from_static);
    let hosts = hosts.iter().flat_map(lines).flat_map(|line| line.split(','));
    let forwarded = lines(&FORWARDED).into_iter().flat_map(|line| line.split([',', ';']));
    let forwarded = forwarded.filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("host").then_some(value.trim().trim_matches('"'))
    });
    hosts.chain(forwarded).map(normal_authority).collect()
}
