//! How each class of shapes looks, on light and on dark.

/// Colours are from a set that people with any kind of colour vision can tell apart.
pub(super) const STYLE: &str = "
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
