/// How long a name may be in octets: file systems take 255, and what is put beside a file has a longer name than it.
const MAX_LEN: usize = 200;

/// How much of that may be the extension.
const MAX_EXTENSION: usize = 20;

/// A name for a file of what a stranger named it; `None` if nothing is left.
pub(super) fn of(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept = last.chars().filter(|c| !c.is_control() && !is_invisible(*c));
    let replaced: String = kept.map(|c| if r#"<>:"|?*"#.contains(c) { '_' } else { c }).collect();
    let mut name = cut(trimmed(&replaced), MAX_LEN);
    // Only now: what is cut away may have been what made it none.
    if is_device(&name) {
        name = cut(&name, MAX_LEN - 1);
        name.insert(0, '_');
    }
    (!name.is_empty()).then_some(name)
}

/// A name of at most `max` octets.
fn cut(name: &str, max: usize) -> String {
    if name.len() <= max {
        return name.to_owned();
    }
    // The extension says what the file is; a dot far from the end begins none.
    let dot = name.rfind('.').filter(|dot| name.len() - dot <= MAX_EXTENSION).unwrap_or(name.len());
    let (stem, extension) = name.split_at(dot);
    trimmed(&stem[..floor_char_boundary(stem, max - extension.len())]).to_owned() + extension
}

/// Windows drops dots and spaces at the end; one at the beginning hides a file.
fn trimmed(name: &str) -> &str {
    name.trim_matches(|c: char| c == '.' || c.is_whitespace())
}

/// Characters that make a name look like another: marks and overrides of direction, joiners, the byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Whether a name is a device on Windows, with whatever extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        stem => ["COM", "LPT"].iter().filter_map(|device| stem.strip_prefix(device)).any(|number| {
            // The superscript digits count as well.
            matches!(number, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "\u{b9}" | "\u{b2}" | "\u{b3}")
        }),
    }
}

/// The last boundary of a character up to `at`; `str` has it since Rust 1.91.
fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder_and_is_one_on_every_system() {
        for (given, expected) in [
            ("report.pdf", Some("report.pdf")),
            ("\u{20ac} rates.txt", Some("\u{20ac} rates.txt")),
            ("archive.tar.gz", Some("archive.tar.gz")),
            ("../../etc/passwd", Some("passwd")),
            ("/etc/passwd", Some("passwd")),
            ("..\\..\\windows\\win.ini", Some("win.ini")),
            ("C:\\autoexec.bat", Some("autoexec.bat")),
            ("C:autoexec.bat", Some("C_autoexec.bat")),
            ("file.txt:stream", Some("file.txt_stream")),
            ("..", None),
            (".", None),
            ("", None),
            ("folder/", None),
            (" . . ", None),
            ("\u{202e}", None),
            (".bashrc", Some("bashrc")),
            ("name. . .", Some("name")),
            ("a\0b\r\nc\u{1b}[31m\u{85}", Some("abc[31m")),
            ("invoice\u{202e}fdp.exe", Some("invoicefdp.exe")),
            ("a<b>c\"d|e?f*g", Some("a_b_c_d_e_f_g")),
            ("con", Some("_con")),
            ("NUL.txt", Some("_NUL.txt")),
            ("aux .h", Some("_aux .h")),
            ("com1.log", Some("_com1.log")),
            ("LPT\u{b2}", Some("_LPT\u{b2}")),
            ("CONIN$", Some("_CONIN$")),
            ("console", Some("console")),
            ("com10", Some("com10")),
            ("com", Some("com")),
        ] {
            assert_eq!(of(given).as_deref(), expected, "{given:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_before_its_extension_and_within_no_character() {
        for (given, expected) in [
            (format!("{}.pdf", "x".repeat(300)), format!("{}.pdf", "x".repeat(196))),
            ("\u{e9}".repeat(300), "\u{e9}".repeat(100)),
            (format!("x{}", "\u{e9}".repeat(300)), format!("x{}", "\u{e9}".repeat(99))),
            (format!("a.{}", "x".repeat(300)), format!("a.{}", "x".repeat(198))),
            (format!("{}{}.pdf", "x".repeat(190), " ".repeat(90)), format!("{}.pdf", "x".repeat(190))),
            // What is left by the cut is what counts.
            (format!("NUL{}a", " ".repeat(250)), "_NUL".into()),
            (format!("CON{}x.txt", " ".repeat(250)), "_CON.txt".into()),
            (format!("con{}.txt", " ".repeat(193)), "_con.txt".into()),
            (format!("nul.{}", "x".repeat(300)), format!("_nul.{}", "x".repeat(195))),
        ] {
            assert_eq!(of(&given).as_ref(), Some(&expected), "{given}");
            assert!(expected.len() <= MAX_LEN, "{given}");
            assert_eq!(of(&expected).as_ref(), Some(&expected), "{given}");
        }
    }
}
