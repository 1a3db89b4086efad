//! How each class of shapes looks.

/// Light and dark readers see the same light picture; the colours can be told apart by anybody.
pub(crate) const STYLE: &str = "
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
