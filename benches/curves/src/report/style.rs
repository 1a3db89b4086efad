//! How each class of shapes looks, on light and on dark.

/// Colours are from a set that people with any kind of colour vision can tell apart; the floors are
/// dashed as well.
pub(super) const STYLE: &str = "
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
