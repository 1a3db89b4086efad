//! nginx, in front of the plain server.

use std::os::unix::net::UnixStream;

use crate::client::{PATIENCE, Stream};
use crate::layer::WINDOW;
use crate::origin;
use crate::pair::System;
use crate::server;
use crate::stage::Stage;

/// The statuses that the layer keeps when the answer says nothing. nginx keeps those that it is told to keep.
const KEPT: &str = "200 203 204 300 301 302 303 307 308 404 405 410";

pub(crate) struct Nginx {
    server: server::Nginx,
    stage: Stage,
}

impl Nginx {
    /// None: nginx is not installed.
    pub(crate) fn start() -> Option<Self> {
        let program = server::Program::find()?;
        let folder = server::Folder::new();
        let stage = Stage::default();
        let socket = folder.path().join("origin");
        origin::start(&socket, stage.clone()).unwrap();
        let server = program.start(folder, |folder| configuration(&folder.display().to_string()));
        Some(Self { server, stage })
    }

    /// As `nginx/1.22.1`.
    pub(crate) fn version(&self) -> &str {
        self.server.version()
    }
}

/// The lines of most sites that cache, with the layer's window. The bounds of a wait are longer than any test, as in the
/// layer. `mirror` is for the test: see the module `pair`.
fn configuration(folder: &str) -> String {
    let seconds = WINDOW.as_secs();
    format!(
        "
        upstream origin {{ server unix:{folder}/origin; }}
        proxy_cache_path {folder}/cache keys_zone=pages:10m use_temp_path=off;
        server {{
            listen unix:{folder}/nginx;
            proxy_cache pages;
            proxy_cache_key $scheme$host$request_uri;
            proxy_cache_valid {KEPT} {seconds}s;
            proxy_cache_lock on;
            proxy_cache_lock_age 60s;
            proxy_cache_lock_timeout 60s;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            location / {{
                mirror /decided;
                mirror_request_body off;
                proxy_pass http://origin;
            }}
            location = /decided {{
                internal;
                proxy_cache off;
                proxy_pass_request_body off;
                proxy_set_header Content-Length '';
                proxy_set_header X-Decided $request_uri;
                proxy_pass http://origin;
            }}
        }}
        "
    )
}

impl System for Nginx {
    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn connect(&self) -> Box<dyn Stream> {
        let stream = UnixStream::connect(self.server.folder().join("nginx")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Box::new(stream)
    }

    fn holds(&self, _: &str) -> bool {
        // It tells by an event: `Decided`.
        false
    }
}
