//! Two plots of requests in flight, with all stores in one picture: calls per second, and p99.

use std::ops::Range;
use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::plots::{COLOURS, Drawn, FONT, titled};
use crate::measure::number::{grouped, rounded};
use crate::measure::spread::Spread;
use crate::measure::workload::Workload;
use crate::stages::in_flight::{Cell, InFlight, WORKLOADS};

const SIZE: (u32, u32) = (1200, 560);
const LEGEND_HEIGHT: u32 = 86;
const LEGEND_COLUMNS: i32 = 4;
/// Other ways of sending the same to the same server. The tables have them.
const NOT_SHOWN: [&str; 2] = ["pipelined", "GETEX"];

/// What is drawn of each cell.
#[derive(Clone, Copy)]
struct Figure {
    file: &'static str,
    title: &'static str,
    unit: &'static str,
    of: fn(&Cell) -> f64,
}

const FIGURES: [Figure; 2] = [
    Figure {
        file: "calls-by-requests-in-flight.svg",
        title: "Calls per second by requests in flight",
        unit: "calls per second",
        of: |cell| cell.result.calls_per_second.median,
    },
    Figure {
        file: "p99-by-requests-in-flight.svg",
        title: "p99 by requests in flight",
        unit: "p99, milliseconds",
        of: |cell| cell.result.p99_us / 1000.0,
    },
];

/// Draws both plots from one or several runs: the medians of the runs, and bars from the lowest to the highest.
pub fn draw(directory: &Path, runs: &[&InFlight], caption: &str) -> Result<()> {
    let Some(first) = runs.first() else {
        return Ok(());
    };
    let caption = format!(
        "{} sessions of {} bytes; {caption}",
        grouped(first.sessions),
        first.bytes
    );
    for figure in FIGURES {
        picture(&directory.join(figure.file), figure, runs, &caption)
            .map_err(|error| anyhow!("{}: {error}", figure.file))?;
    }
    Ok(())
}

/// The points of a store: requests in flight and what the runs gave.
fn points(
    runs: &[&InFlight],
    figure: Figure,
    workload: Workload,
    line: (&str, &str),
) -> Vec<(f64, Spread)> {
    let is_shown = |cell: &&Cell| cell.workload == workload && cell.line() == line;
    let of_run = |run: &&InFlight, in_flight: u32| -> Option<f64> {
        let mut cells = run.cells.iter().filter(is_shown);
        cells
            .find(|cell| cell.in_flight == in_flight)
            .map(figure.of)
    };
    let mut counts: Vec<u32> = runs
        .iter()
        .flat_map(|run| run.cells.iter().filter(is_shown))
        .map(|cell| cell.in_flight)
        .collect();
    counts.sort_unstable();
    counts.dedup();
    counts
        .into_iter()
        .filter_map(|count| {
            let values = runs.iter().filter_map(|run| of_run(run, count));
            Some((f64::from(count), Spread::of(values)?))
        })
        .collect()
}

fn picture(path: &Path, figure: Figure, runs: &[&InFlight], caption: &str) -> Drawn {
    let all = || runs.iter().flat_map(|run| &run.cells);
    let mut lines: Vec<(&str, &str)> = Vec::new();
    for cell in all() {
        let is_shown = !NOT_SHOWN.iter().any(|way| cell.result.store.contains(way));
        if is_shown && !lines.contains(&cell.line()) {
            lines.push(cell.line());
        }
    }
    let x = range(all().map(|cell| f64::from(cell.in_flight)), 1.15);
    let y = range(all().map(figure.of), 1.3);
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let root = titled(&root, figure.title, caption)?;
    let height = root.dim_in_pixel().1;
    let (panels, legend) = root.split_vertically(height.saturating_sub(LEGEND_HEIGHT));
    let workloads: Vec<Workload> = WORKLOADS
        .into_iter()
        .filter(|&workload| all().any(|cell| cell.workload == workload))
        .collect();
    for (area, &workload) in panels
        .split_evenly((1, workloads.len()))
        .iter()
        .zip(&workloads)
    {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(16)
            .caption(workload.name(), (FONT, 15))
            .x_label_area_size(36)
            .y_label_area_size(68)
            .build_cartesian_2d(log(&x, 4.0), log(&y, 10.0))?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("requests in flight")
            .y_desc(figure.unit)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| {
                if *y < 10.0 {
                    format!("{y}")
                } else {
                    rounded(*y)
                }
            })
            .draw()?;
        for (n, &line) in lines.iter().enumerate() {
            let colour = COLOURS[n % COLOURS.len()];
            let points = points(runs, figure, workload, line);
            let medians = points.iter().map(|&(x, spread)| (x, spread.median));
            chart.draw_series(LineSeries::new(medians.clone(), colour.stroke_width(2)))?;
            chart.draw_series(medians.map(|point| Circle::new(point, 3, colour.filled())))?;
            chart.draw_series(points.iter().map(|&(x, spread)| {
                PathElement::new([(x, spread.min), (x, spread.max)], colour.stroke_width(1))
            }))?;
        }
    }
    for (n, (store, connections)) in (0_i32..).zip(&lines) {
        let colour = COLOURS[usize::try_from(n)? % COLOURS.len()];
        let width = i32::try_from(SIZE.0)? / LEGEND_COLUMNS;
        let (x, y) = (
            24 + n % LEGEND_COLUMNS * width,
            12 + n / LEGEND_COLUMNS * 18,
        );
        legend.draw(&PathElement::new(
            [(x, y), (x + 18, y)],
            colour.stroke_width(3),
        ))?;
        legend.draw(&Text::new(
            format!("{store} ({connections})"),
            (x + 24, y - 6),
            (FONT, 13),
        ))?;
    }
    root.present()?;
    Ok(())
}

/// Returns the range of the values and a margin, as a factor.
fn range(values: impl Iterator<Item = f64>, margin: f64) -> Range<f64> {
    let (least, most) = values.fold((f64::MAX, 0.0_f64), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    (least / margin)..(most * margin)
}

/// Returns a logarithmic axis, labelled at the powers of the base.
fn log(range: &Range<f64>, base: f64) -> LogCoord<f64> {
    range.clone().log_scale().base(base).into()
}
