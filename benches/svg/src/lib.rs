//! The few shapes that the charts of this repository are made of, as SVG.
//!
//! How a shape looks is said by its class, in the style that the drawing is given. The drawing's own
//! ground has the class `back`.

use std::fmt::{Arguments, Write};

/// Which end of a text its place is.
#[derive(Clone, Copy, Debug)]
pub enum Anchor {
    /// Where it begins.
    Start,
    /// Its middle.
    Middle,
    /// Where it ends.
    End,
}

/// A drawing that grows.
#[derive(Debug)]
pub struct Svg {
    text: String,
}

impl Svg {
    /// An empty one. The description is for who cannot see it.
    pub fn new(width: f64, height: f64, style: &str, description: &str) -> Self {
        let mut svg = Self { text: String::new() };
        svg.add(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">"#
        ));
        svg.add(format_args!("<desc>{}</desc>", escape(description)));
        svg.add(format_args!("<style>{style}</style>"));
        svg.rectangle("back", (0.0, 0.0), (width, height));
        svg
    }

    /// The text of the file.
    pub fn finish(mut self) -> String {
        self.add(format_args!("</svg>"));
        self.text
    }

    /// A rectangle, by its upper left corner and its width and height.
    pub fn rectangle(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        self.add(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        ));
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.add(format_args!(
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
    }

    /// Straight lines from each place to the next.
    pub fn curve(&mut self, class: &str, places: &[(f64, f64)]) {
        let places: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.add(format_args!(r#"<polyline class="{class}" points="{}"/>"#, places.join(" ")));
    }

    /// A point that was measured.
    pub fn dot(&mut self, class: &str, (x, y): (f64, f64)) {
        self.add(format_args!(r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="2"/>"#));
    }

    /// A line of text.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
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

    fn add(&mut self, element: Arguments<'_>) {
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
        let mut svg = Svg::new(1.0, 1.0, "", "a < b");
        svg.text("note", (0.0, 0.0), Anchor::End, "Arc<u64> & co");
        let text = svg.finish();
        assert!(text.contains("a &lt; b"), "{text}");
        assert!(text.contains("Arc&lt;u64&gt; &amp; co"), "{text}");
    }
}
