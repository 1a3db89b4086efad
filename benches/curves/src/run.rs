//! A run: which curves are measured, where their points go, and what is made of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::curve::{self, Curve};
use crate::extent::{self, Extent};
use crate::load::Used;
use crate::measure::Record;
use crate::options::Options;
use crate::raw::{self, Measured};
use crate::report::Report;
use crate::{machine, report, simulate};

/// What was measured, by the curve's name.
pub(crate) type Curves = BTreeMap<String, Measured>;

pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(curve) = options.measure {
        return print_points(curve, &extent(options));
    }
    if options.simulate {
        print!("{}", simulate::all());
        return Ok(());
    }
    let mut curves = read(&options.from)?;
    let to = directory(options)?;
    for curve in to_measure(options) {
        let begin = Instant::now();
        let measured = measure(curve, options)?;
        let file = to.join(curve.name).with_extension("tsv");
        fs::write(&file, raw::write(curve.name, &measured)).with_context(|| shown(&file))?;
        eprintln!("{}: {:.1} s, {}", curve.name, begin.elapsed().as_secs_f64(), shown(&file));
        curves.insert(curve.name.to_string(), measured);
    }
    let report = Report::new(curves);
    print!("{}", report.text());
    let chart = to.join("curves.svg");
    fs::write(&chart, report.chart()).with_context(|| shown(&chart))?;
    eprintln!("chart: {}", shown(&chart));
    if options.write { write(&report) } else { Ok(()) }
}

fn extent(options: &Options) -> Extent {
    match (options.tiny, options.quick) {
        (true, _) => extent::TINY,
        (false, true) => extent::QUICK,
        (false, false) => extent::WHOLE,
    }
}

fn to_measure(options: &Options) -> Vec<&'static Curve> {
    let all = options.only.is_empty() && options.from.is_empty();
    if all { curve::ALL.iter().collect() } else { options.only.clone() }
}

/// In the process that measures one curve: its points go out line by line.
fn print_points(curve: &Curve, extent: &Extent) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut broken = None;
    let mut take = |point: raw::Point| {
        broken = writeln!(out, "{}", point.line(curve.name)).err().or(broken.take());
    };
    (curve.measure)(extent, &mut Record::new(&mut take));
    broken.map_or(Ok(()), |error| Err(error.into()))
}

/// Measures a curve in a process of its own.
fn measure(curve: &Curve, options: &Options) -> Result<Measured> {
    eprintln!("{}: {}", curve.name, curve.question);
    let before = Used::now();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--measure", curve.name]).stdout(Stdio::piped());
    command.args(options.quick.then_some("--quick")).args(options.tiny.then_some("--tiny"));
    let mut process = command.spawn()?;
    let out = process.stdout.take().context("its output is a pipe")?;
    let points = BufReader::new(out).lines().map(|line| Ok(raw::parse(&line?)?.1));
    let points = points.collect::<Result<Vec<_>>>()?;
    let status = process.wait()?;
    ensure!(status.success(), "measuring {} ended with {status}", curve.name);
    let mut facts: BTreeMap<_, _> = machine::facts().into_iter().collect();
    facts.insert("extent".to_string(), extent(options).name.to_string());
    if let Some((before, after)) = before.zip(Used::now()) {
        let others = format!("{:.1}", 100.0 * after.by_others_since(before));
        eprintln!("{}: others used {others} % of the machine", curve.name);
        facts.insert("others".to_string(), others);
    }
    Ok(Measured { facts, points })
}

/// What is in these files; of a curve that is in several, the last.
fn read(from: &[PathBuf]) -> Result<Curves> {
    let mut curves = Curves::new();
    for file in files(from)? {
        let text = fs::read_to_string(&file).with_context(|| shown(&file))?;
        for (name, measured) in raw::read(&text).with_context(|| shown(&file))? {
            curve::by_name(&name).map_err(anyhow::Error::msg).with_context(|| shown(&file))?;
            curves.insert(name, measured);
        }
    }
    Ok(curves)
}

fn files(from: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in from {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).with_context(|| shown(path))?;
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        files.extend(paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "tsv")));
    }
    Ok(files)
}

/// Beside the directory that this program was built into, unless told otherwise.
fn directory(options: &Options) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent).context("it is in target/release")?;
    let directory = options.to.clone().unwrap_or_else(|| target.join("curves"));
    fs::create_dir_all(&directory).with_context(|| shown(&directory))?;
    Ok(directory)
}

/// Puts it into the repository. All of it or nothing: the page would mix two runs otherwise.
fn write(report: &Report) -> Result<()> {
    let missing = report.missing();
    ensure!(missing.is_empty(), "--write needs all curves; not measured: {}", missing.join(", "));
    ensure!(report.is_whole(), "--write needs whole curves, not those of --quick");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let page = docs.join("scale.md");
    let text = fs::read_to_string(&page).with_context(|| shown(&page))?;
    let parts = report.parts().into_iter().chain(simulate::parts());
    fs::write(&page, report::page::fill(&text, parts)?).with_context(|| shown(&page))?;
    fs::write(docs.join("curves.svg"), report.chart()).context("docs/curves.svg")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
