//! Certificates as an operator makes them, by the program `openssl`, with an authority that a test trusts.

use std::path::PathBuf;
use std::process::Command;

/// Settings of the authority, in its own folder.
const SETTINGS: &str = "[ca]\ndefault_ca = authority\n[authority]\nnew_certs_dir = .\ndatabase = index\nrand_serial = yes\n\
    default_md = sha256\npolicy = names\nunique_subject = no\n[names]\ncommonName = supplied\n";
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// An authority that signs certificates, in a folder of its own.
pub struct Authority {
    folder: tempfile::TempDir,
}

/// Time of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// for as long as a test may run
    Now,
    /// until long ago
    Over,
}

impl Authority {
    /// A new authority, which nobody knows yet.
    pub fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(authority.folder.path().join("settings"), SETTINGS).unwrap();
        std::fs::write(authority.folder.path().join("index"), "").unwrap();
        // Two authorities of one name would be taken for one that has signed badly.
        let name = authority.folder.path().file_name().and_then(|name| name.to_str()).expect("a name");
        let name = format!("/CN=authority {name}");
        let named = ["-subj", &name, "-days", "3650", "-keyout", "ca.key", "-out", "ca.crt"];
        authority.openssl(&[&["req", "-x509"], &KEY[..], &named].concat());
        authority
    }

    /// The path of a file in its folder.
    pub fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    /// The file with the certificate of the authority.
    pub fn certificate(&self) -> String {
        self.path("ca.crt")
    }

    /// Writes `{file}.crt` and `{file}.key`: a certificate for names such as `DNS:localhost,IP:127.0.0.1`.
    pub fn issue(&self, file: &str, names: &str, validity: Validity) {
        let [key, request, certificate] = ["key", "csr", "crt"].map(|ending| format!("{file}.{ending}"));
        std::fs::write(self.path("extensions"), format!("subjectAltName = {names}\nbasicConstraints = CA:FALSE\n")).unwrap();
        self.openssl(&[&["req", "-new"], &KEY[..], &["-subj", "/CN=a server", "-keyout", &key, "-out", &request]].concat());
        let (start, end) = match validity {
            Validity::Now => ("20200101000000Z", "21000101000000Z"),
            Validity::Over => ("20200101000000Z", "20200201000000Z"),
        };
        let by = ["ca", "-batch", "-config", "settings", "-cert", "ca.crt", "-keyfile", "ca.key", "-notext"];
        let of = ["-in", &request, "-out", &certificate, "-extfile", "extensions", "-startdate", start, "-enddate", end];
        self.openssl(&[&by[..], &of].concat());
    }

    fn openssl(&self, arguments: &[&str]) {
        let made = Command::new("openssl").args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(made.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&made.stderr));
    }
}
