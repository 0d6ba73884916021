//! The jar takes what the text of the RFC takes, and sends what it sends, in the same order.

use sortie_cookies::Jar;

use crate::draw::{Time, field, for_seeds, url};
use crate::rfc::Rfc;

#[test]
fn the_jar_takes_and_sends_what_the_text_of_the_rfc_does() {
    for_seeds(500, |rng| {
        let time = Time::new();
        let (jar, mut rfc) = (Jar::with_options(time.options()), Rfc::default());
        for _ in 0..80 {
            let (at, set) = (url(rng), field(rng));
            let taken = jar.receive(&at, &set);
            let shown = String::from_utf8_lossy(&set);
            assert_eq!(taken.is_ok(), rfc.set(&at, &set, time.now()), "{shown:?} from {at}: {taken:?}");
            for _ in 0..3 {
                let to = url(rng);
                let sent = jar.header(&to).map_or_else(Vec::new, |header| header.as_bytes().to_vec());
                let expected = rfc.header(&to, time.now());
                let text = |octets| String::from_utf8_lossy(octets).into_owned();
                assert_eq!(text(&sent), text(&expected), "to {to} after {shown:?} from {at}");
            }
            time.pass(rng.u64(..3));
        }
    });
}
