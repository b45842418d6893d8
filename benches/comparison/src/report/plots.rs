//! The plots: calls per second by clients, p99 during pruning, and those of [`in_flight_plots`].

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::CoordTranslate;
use plotters::prelude::*;

use super::in_flight_plots;
use crate::measure::number::{grouped, rounded};
use crate::measure::workload::Workload;
use crate::stages::Findings;
use crate::stages::comparison::Comparison;
use crate::stages::pruning::Pruning;

const SIZE: (u32, u32) = (800, 480);
pub(super) const FONT: &str = "sans-serif";
/// Colours for colour-blind readers (Okabe and Ito), and four more: one for each store.
pub(super) const COLOURS: [RGBColor; 12] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x00, 0x00),
    RGBColor(0x99, 0x99, 0x99),
    RGBColor(0x6b, 0x3f, 0x1d),
    RGBColor(0x7a, 0x4f, 0xb5),
    RGBColor(0xa8, 0xc6, 0x3a),
    RGBColor(0xf0, 0x62, 0x92),
];

/// Draws `calls-by-clients.svg` if several numbers of clients were measured, `pruning.svg` if pruning was measured, and the
/// plots of requests in flight if those were.
pub fn draw(directory: &Path, findings: &Findings) -> Result<()> {
    let caption = &findings.machine.line();
    let of_rolling = || {
        findings
            .comparisons
            .iter()
            .filter(|c| c.workload == Workload::Rolling)
    };
    let sessions = of_rolling().map(|c| c.sessions).max();
    let bytes = of_rolling().map(|c| c.bytes).min();
    let mut rolling: Vec<&Comparison> = of_rolling()
        .filter(|c| Some(c.sessions) == sessions && Some(c.bytes) == bytes)
        .collect();
    rolling.sort_by_key(|c| c.clients);
    if rolling.len() > 1 {
        calls_by_clients(&directory.join("calls-by-clients.svg"), &rolling, caption)
            .map_err(|error| anyhow!("calls-by-clients.svg: {error}"))?;
    }
    if let Some(in_flight) = &findings.in_flight {
        in_flight_plots::draw(directory, &[in_flight], caption)?;
    }
    if let Some(pruning) = &findings.pruning {
        p99(&directory.join("pruning.svg"), pruning, caption)
            .map_err(|error| anyhow!("pruning.svg: {error}"))?;
    }
    Ok(())
}

pub(super) type Drawn = Result<(), Box<dyn std::error::Error>>;

fn calls_by_clients(path: &Path, rolling: &[&Comparison], caption: &str) -> Drawn {
    let (Some(first), Some(last)) = (rolling.first(), rolling.last()) else {
        return Ok(());
    };
    let most = rolling
        .iter()
        .flat_map(|c| &c.stores)
        .map(|result| result.calls_per_second.median)
        .fold(0.0, f64::max);
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let title = format!(
        "Rolling requests per second, {} sessions",
        grouped(first.sessions)
    );
    let root = titled(&root, &title, caption)?;
    let mut chart = with_margins(&root).build_cartesian_2d(
        (f64::from(first.clients)..f64::from(last.clients))
            .log_scale()
            .base(2.0),
        0.0..most * 1.1,
    )?;
    let clients: Vec<f64> = rolling.iter().map(|c| f64::from(c.clients)).collect();
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("clients")
        .y_desc("requests per second")
        .x_labels(clients.len() * 2)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&thousands)
        .draw()?;
    for (n, result) in last.stores.iter().enumerate() {
        let colour = COLOURS[n % COLOURS.len()];
        let points: Vec<(f64, f64)> = rolling
            .iter()
            .filter_map(|c| {
                Some((
                    f64::from(c.clients),
                    c.store(&result.store)?.calls_per_second.median,
                ))
            })
            .collect();
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
            .label(&result.store)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        chart.draw_series(
            points
                .iter()
                .map(|&point| Circle::new(point, 4, colour.filled())),
        )?;
    }
    draw_legend(&mut chart, SeriesLabelPosition::UpperLeft)?;
    root.present()?;
    Ok(())
}

fn p99(path: &Path, pruning: &Pruning, caption: &str) -> Drawn {
    let timeline = &pruning.timeline;
    // The last interval is incomplete.
    let shown = &timeline.p99_us[..timeline.p99_us.len().saturating_sub(1)];
    let milliseconds: Vec<f64> = shown.iter().map(|us| us / 1000.0).collect();
    let most = milliseconds.iter().copied().fold(0.0, f64::max) * 1.15;
    let times = || (0_u32..).map(|n| (f64::from(n) + 0.5) * timeline.interval_seconds);
    let end = times().take(milliseconds.len()).last().unwrap_or(1.0);
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let title = format!(
        "p99 of {} clients while {} expired sessions are pruned",
        pruning.clients,
        grouped(pruning.deleted)
    );
    let root = titled(&root, &title, caption)?;
    let mut chart = with_margins(&root).build_cartesian_2d(0.0..end, 0.0..most)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .disable_x_mesh()
        .x_desc("seconds")
        .y_desc("p99, milliseconds")
        .draw()?;
    chart
        .draw_series([Rectangle::new(
            [
                (timeline.pruning_from, 0.0),
                (timeline.pruning_to.min(end), most),
            ],
            COLOURS[4].mix(0.25).filled(),
        )])?
        .label("pruning")
        .legend(|(x, y)| {
            Rectangle::new([(x, y - 5), (x + 16, y + 5)], COLOURS[4].mix(0.25).filled())
        });
    let colour = COLOURS[0];
    chart
        .draw_series(LineSeries::new(
            times().zip(milliseconds),
            colour.stroke_width(2),
        ))?
        .label("the clients' p99")
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    draw_legend(&mut chart, SeriesLabelPosition::UpperRight)?;
    root.present()?;
    Ok(())
}

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Draws a title, and a caption below it.
pub(super) fn titled<'a>(
    root: &Area<'a>,
    title: &str,
    caption: &str,
) -> Result<Area<'a>, Box<dyn std::error::Error>> {
    Ok(root
        .titled(title, (FONT, 20))?
        .titled(caption, (FONT, 12).into_font().color(&BLACK.mix(0.6)))?)
}

/// Returns the builder of a chart, with space for labels of the axes.
fn with_margins<'a, 'b>(area: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut chart = ChartBuilder::on(area);
    chart
        .margin(12)
        .margin_right(24)
        .x_label_area_size(40)
        .y_label_area_size(72);
    chart
}

fn draw_legend<'a, C: CoordTranslate>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, C>,
    position: SeriesLabelPosition,
) -> Drawn {
    chart
        .configure_series_labels()
        .position(position)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature of plotters
fn thousands(value: &f64) -> String {
    rounded(*value)
}
