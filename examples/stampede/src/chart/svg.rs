//! The few shapes of the chart as SVG, and how each class of them looks on light and on dark.

use std::fmt::Write;

/// Colours are from a set that people with any kind of colour vision can tell apart.
const STYLE: &str = "
text { font-family: system-ui, sans-serif; font-size: 12px; fill: #24292f; }
.title { font-size: 18px; font-weight: 600; }
.phase-name { font-weight: 600; }
.heading { font-size: 12px; }
.note, .tick { fill: #57606a; }
.whole { font-size: 14px; font-weight: 600; }
.back { fill: #ffffff; }
.phase.on { fill: #0072b2; fill-opacity: 0.13; }
.phase.off { fill: #6e7781; fill-opacity: 0.07; }
.grid { stroke: #6e7781; stroke-opacity: 0.25; }
.axis { stroke: #6e7781; }
.mark { stroke: #6e7781; stroke-dasharray: 5 4; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.requests { stroke: #0072b2; }
.queries { stroke: #d55e00; }
.latency { stroke: #009e73; }
.p50 { stroke-width: 1.2; stroke-dasharray: 3 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note, .tick { fill: #9da7b1; }
  .back { fill: #0d1117; }
  .phase.on { fill: #56b4e9; }
  .requests { stroke: #56b4e9; }
  .queries { stroke: #f0883e; }
  .latency { stroke: #2cc295; }
}
";

/// Which end of a text its place is.
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing that grows.
pub(super) struct Svg {
    text: String,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64, description: &str) -> Self {
        let mut svg = Self { text: String::new() };
        svg.add(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">"#
        ));
        svg.add(format_args!("<desc>{}</desc>", escape(description)));
        svg.add(format_args!("<style>{STYLE}</style>"));
        svg.rectangle("back", 0.0, 0.0, width, height);
        svg
    }

    pub(super) fn finish(mut self) -> String {
        self.add(format_args!("</svg>"));
        self.text
    }

    pub(super) fn rectangle(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        self.add(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        ));
    }

    pub(super) fn line(&mut self, class: &str, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.add(format_args!(
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
    }

    pub(super) fn curve(&mut self, class: &str, places: &[(f64, f64)]) {
        let places: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.add(format_args!(r#"<polyline class="{class}" points="{}"/>"#, places.join(" ")));
    }

    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        self.add(format_args!(
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{element}").expect("a string takes all that is written to it");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_an_element() {
        let mut svg = Svg::new(1.0, 1.0, "a < b");
        svg.text(0.0, 0.0, "note", Anchor::End, "<script> & co");
        let text = svg.finish();
        assert!(text.contains("a &lt; b"));
        assert!(text.contains("&lt;script&gt; &amp; co"));
    }
}
