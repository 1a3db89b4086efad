//! The schema in the database: its SQL, and the numbers of its locks.

const SQL: &str = include_str!("schema.sql");

/// A schema's name, which may stand in SQL.
#[derive(Clone, Debug)]
pub(crate) struct Schema(String);

impl Schema {
    /// Returns `None` for a name that is not made of letters, digits and `_`, or is longer than the server's names.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = (1..=63).contains(&name.len()) && name.bytes().all(is_word);
        fits.then(|| Self(name.to_owned()))
    }

    /// The name as it stands in SQL.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }

    pub(crate) fn setup(&self) -> String {
        SQL.replace("{schema}", &self.quoted()).replace("{locks}", &self.locks().to_string())
    }

    /// The lock of a flight has this number and the flight's. The high 16 bits are the schema's: two schemas of a
    /// database, and an application with locks of its own, have other locks.
    pub(crate) fn locks(&self) -> i64 {
        // FNV-1a: it must be the same in every build.
        let hash = self.0.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let high = 0x4000 | (hash >> 16 ^ hash) & 0x3fff;
        i64::try_from(high << 48).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_end_a_quotation_are_refused() {
        for name in ["", "a b", "a\"b", "a'b", "a;b", "ä", &"a".repeat(64)] {
            assert!(Schema::new(name).is_none(), "{name}");
        }
        assert_eq!(
            Schema::new("shop_2").map(|schema| schema.quoted()),
            Some("\"shop_2\"".to_owned())
        );
    }

    /// A number that changed would let processes of two versions lead one flight.
    #[test]
    fn locks_of_a_schema_stay_the_same() {
        let [one, other] =
            ["coalescer", "shop"].map(|name| Schema::new(name).map(|schema| schema.locks()));
        assert_eq!(one.map(|locks| locks >> 48), Some(0x7f42));
        assert_ne!(one, other);
    }

    #[test]
    fn the_readme_has_the_rights_of_the_setup() {
        let readme = include_str!("../README.md");
        let setup = Schema::new("coalescer").map(|schema| schema.setup()).unwrap_or_default();
        let grants: Vec<_> = setup.lines().filter_map(|line| line.strip_prefix("--   ")).collect();
        assert_eq!(grants.len(), 3);
        for grant in grants {
            let grant = grant.replace('"', "");
            assert!(readme.contains(&grant), "{grant}");
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        let sql = Schema::new("shop").map(|schema| schema.setup()).unwrap_or_default();
        assert!(
            sql.contains("\"shop\".coalescer_key")
                && !sql.contains("{schema}")
                && !sql.contains("{locks}")
        );
    }
}
