//! The few shapes of the chart as SVG, and how each class of them looks on light and on dark.

use std::fmt::Write;

/// Colours are from a set that people with any kind of colour vision can tell apart; the floors are
/// dashed as well.
const STYLE: &str = "
text { font-family: system-ui, sans-serif; font-size: 11px; fill: #24292f; }
.title { font-size: 18px; font-weight: 600; }
.heading { font-size: 12px; font-weight: 600; }
.note, .tick { fill: #57606a; }
.tick { font-size: 10px; }
.back { fill: #ffffff; }
.grid { stroke: #6e7781; stroke-opacity: 0.22; }
.axis { stroke: #6e7781; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
polyline.first { stroke: #0072b2; } circle.first { fill: #0072b2; }
polyline.second { stroke: #d55e00; } circle.second { fill: #d55e00; }
polyline.third { stroke: #009e73; } circle.third { fill: #009e73; }
polyline.floor { stroke: #6e7781; stroke-width: 1.5; stroke-dasharray: 5 3; }
polyline.other-floor { stroke: #a371a8; stroke-width: 1.5; stroke-dasharray: 2 3; }
circle.floor { fill: #6e7781; } circle.other-floor { fill: #a371a8; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note, .tick { fill: #9da7b1; }
  .back { fill: #0d1117; }
  polyline.first { stroke: #56b4e9; } circle.first { fill: #56b4e9; }
  polyline.second { stroke: #f0883e; } circle.second { fill: #f0883e; }
  polyline.third { stroke: #2cc295; } circle.third { fill: #2cc295; }
  polyline.floor { stroke: #9da7b1; } circle.floor { fill: #9da7b1; }
  polyline.other-floor { stroke: #cfa3d4; } circle.other-floor { fill: #cfa3d4; }
}
";

/// Which end of a text its place is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing that grows.
#[derive(Debug)]
pub(crate) struct Svg {
    text: String,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64, description: &str) -> Self {
        let mut svg = Self { text: String::new() };
        svg.add(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">"#
        ));
        svg.add(format_args!("<desc>{}</desc>", escape(description)));
        svg.add(format_args!("<style>{STYLE}</style>"));
        svg.add(format_args!(r#"<rect class="back" width="{width}" height="{height}"/>"#));
        svg
    }

    pub(crate) fn finish(mut self) -> String {
        self.add(format_args!("</svg>"));
        self.text
    }

    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!(
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
    }

    pub(crate) fn curve(&mut self, class: &str, places: &[(f64, f64)]) {
        let places: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.add(format_args!(r#"<polyline class="{class}" points="{}"/>"#, places.join(" ")));
    }

    pub(crate) fn dot(&mut self, class: &str, (x, y): (f64, f64)) {
        self.add(format_args!(r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="2"/>"#));
    }

    pub(crate) fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
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
        svg.text("note", (0.0, 0.0), Anchor::End, "<script> & co");
        let text = svg.finish();
        assert!(text.contains("a &lt; b"));
        assert!(text.contains("&lt;script&gt; &amp; co"));
    }
}
