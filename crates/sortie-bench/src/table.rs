use std::fmt;

use serde::Serialize;

/// A table for reading and, as JSON, for programs.
#[derive(Serialize)]
pub(crate) struct Table {
    title: String,
    columns: &'static [&'static str],
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    values: Vec<Cell>,
}

/// A value and how it is shown.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    /// With no digits after the point.
    Whole(f64),
    /// With one.
    Tenths(f64),
    /// With two, as ratios have.
    Ratio(f64),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(value) => f.pad(&grouped(*value)),
            Self::Tenths(value) => f.pad(&format!("{value:.1}")),
            Self::Ratio(value) => f.pad(&format!("{value:.2}")),
        }
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digit.is_ascii_digit() && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Table {
    /// The first column is the name of each row.
    pub(crate) fn new(title: impl Into<String>, columns: &'static [&'static str]) -> Self {
        Self { title: title.into(), columns, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, name: impl Into<String>, values: impl Into<Vec<Cell>>) {
        self.rows.push(Row { name: name.into(), values: values.into() });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.title)?;
        let names = self.rows.iter().map(|row| row.name.chars().count());
        let first = names.chain([self.columns[0].chars().count()]).max().unwrap_or(0);
        let widths: Vec<usize> = (1..self.columns.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.values.get(column - 1));
                let cells = cells.map(|cell| cell.to_string().chars().count());
                cells.chain([self.columns[column].chars().count()]).max().unwrap_or(0)
            })
            .collect();
        write!(f, "  {:first$}", self.columns[0])?;
        for (column, width) in self.columns[1..].iter().zip(&widths) {
            write!(f, "  {column:>width$}")?;
        }
        writeln!(f)?;
        for row in &self.rows {
            write!(f, "  {:first$}", row.name)?;
            for (cell, width) in row.values.iter().zip(&widths) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
