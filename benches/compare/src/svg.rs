//! The few shapes of the picture as SVG, and how they look.

use std::fmt::Write;

/// Light and dark readers see the same light picture; the colours can be told apart by anybody.
const STYLE: &str = "
text { font-family: system-ui, sans-serif; font-size: 11px; fill: #24292f; }
.title { font-size: 18px; font-weight: 600; }
.heading { font-size: 12px; font-weight: 600; }
.note { fill: #57606a; }
.value { fill: #57606a; font-size: 10px; }
.own { font-weight: 600; }
.back { fill: #ffffff; }
.grid { stroke: #d0d7de; }
.bar-floor { fill: #8c959f; }
.bar-own { fill: #0072b2; }
.bar-peer { fill: #e8b97d; }
.bar-go { fill: #b3cde3; }
";

/// Which end of a text its place is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing that grows.
pub(crate) struct Svg(String);

impl Svg {
    /// An empty one; the description is for who cannot see it.
    pub(crate) fn new(width: f64, height: f64, description: &str) -> Self {
        let mut svg = Self(String::new());
        svg.add(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">"#
        ));
        svg.add(format_args!("<desc>{}</desc>", escape(description)));
        svg.add(format_args!("<style>{STYLE}</style>"));
        svg.rectangle("back", 0.0, 0.0, width, height);
        svg
    }

    /// The text of the file.
    pub(crate) fn finish(mut self) -> String {
        self.add(format_args!("</svg>"));
        self.0
    }

    pub(crate) fn rectangle(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        self.add(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        ));
    }

    /// A line from top to bottom.
    pub(crate) fn upright(&mut self, class: &str, x: f64, top: f64, bottom: f64) {
        self.add(format_args!(
            r#"<line class="{class}" x1="{x:.1}" y1="{top:.1}" x2="{x:.1}" y2="{bottom:.1}"/>"#
        ));
    }

    pub(crate) fn text(&mut self, class: &str, anchor: Anchor, x: f64, y: f64, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.add(format_args!(
            r#"<text class="{class}" text-anchor="{anchor}" x="{x:.1}" y="{y:.1}">{}</text>"#,
            escape(text)
        ));
    }

    fn add(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a String takes all text");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_svg_would_take_for_its_own_is_escaped() {
        let mut svg = Svg::new(1.0, 1.0, "a < b");
        svg.text("note", Anchor::Start, 0.0, 0.0, "Arc<u64> & more");
        let text = svg.finish();
        assert!(text.contains("Arc&lt;u64&gt; &amp; more") && text.contains("a &lt; b"), "{text}");
    }
}
