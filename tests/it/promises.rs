//! What is promised about the code itself.

use std::fs;
use std::path::Path;

use frontdesk::config::Config;

use crate::support::{databases, fresh_database};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[rocket::async_test]
async fn both_migration_folders_make_the_same_tables() {
    let mut schemas = Vec::new();
    for kind in databases() {
        let folder = tempfile::tempdir().unwrap();
        let pool = frontdesk::db::Pool::open(&fresh_database(kind, folder.path()).await).await.unwrap();
        let columns: Vec<(String, String)> = pool
            .read(
                "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_xinfo(t.name) c \
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\' ORDER BY 1, 2",
            )
            .postgres(
                "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public' \
                 AND table_name NOT LIKE '\\_sqlx%' AND column_name <> 'doc' ORDER BY table_name::text COLLATE \"C\", column_name::text COLLATE \"C\"",
            )
            .all()
            .await
            .unwrap();
        assert!(columns.len() > 40, "{kind}: {columns:?}");
        schemas.push(columns);
    }
    assert!(schemas.windows(2).all(|pair| pair[0] == pair[1]), "{schemas:?}");
    let names = |folder: &str| {
        let mut names: Vec<_> =
            fs::read_dir(root().join("migrations").join(folder)).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn every_setting_is_documented() {
    let page = fs::read_to_string(root().join("docs/settings.md")).unwrap();
    let file = fs::read_to_string(root().join("Rocket.toml")).unwrap();
    for key in Config::keys() {
        assert!(page.contains(&format!("`{key}`")), "docs/settings.md does not explain {key}");
        assert!(
            page.contains(&format!("FRONTDESK_{}", key.to_uppercase())),
            "docs/settings.md does not name the variable of {key}"
        );
        assert!(file.contains(&format!("{key} = ")), "Rocket.toml does not show {key}");
    }
}

#[test]
fn every_parameter_and_operator_is_documented() {
    let page = fs::read_to_string(root().join("docs/filters.md")).unwrap();
    for (name, _, _) in frontdesk::filter::Op::ALL {
        assert!(page.contains(&format!("`{name}`")), "docs/filters.md does not explain {name}");
    }
    for name in frontdesk::filter::CONTROLS {
        assert!(page.contains(&format!("`{name}`")), "docs/filters.md does not explain {name}");
    }
}

#[test]
fn vendored_files_are_what_they_were() {
    use sha2::Digest as _;
    let folder = root().join("static/vendor");
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.contains(".min.") {
            let sum: String =
                sha2::Sha256::digest(fs::read(&path).unwrap()).iter().map(|b| format!("{b:02x}")).collect();
            assert!(sums.contains(&format!("{sum}  {name}")), "{name}");
        }
    }
}
