//! The names of pools and of what devices have.

use super::super::format::{SUBDOMAIN_LENGTH, c_identifier, dns_subdomain};
use super::super::volume_source::csi_driver;
use super::super::{ErrorList, Path};

const ID_LENGTH: usize = 32;
/// A domain, a slash, an identifier.
const QUALIFIED_LENGTH: usize = 63 + 1 + ID_LENGTH;

/// A driver's name has the form of a storage driver's.
pub fn driver(name: &str, path: &Path, errors: &mut ErrorList) {
    csi_driver(name, path, errors);
}

/// Subdomains with slashes between them.
pub fn pool(name: &str, path: &Path, errors: &mut ErrorList) {
    if name.is_empty() {
        return errors.required(path, "");
    }
    if name.len() > SUBDOMAIN_LENGTH {
        errors.too_long(path, SUBDOMAIN_LENGTH);
    }
    for part in name.split('/') {
        errors.invalid_each(path, part, dns_subdomain(part));
    }
}

/// An identifier, within the domain of a driver or without one.
pub fn qualified(name: &str, path: &Path, errors: &mut ErrorList) {
    match name.split('/').collect::<Vec<_>>()[..] {
        [id] => identifier(id, path, errors),
        [domain, id] => {
            if domain.is_empty() {
                errors.invalid(path, "", "the domain must not be empty");
            } else {
                driver(domain, path, errors);
            }
            if id.is_empty() {
                errors.invalid(path, "", "the name must not be empty");
            } else {
                identifier(id, path, errors);
            }
        }
        // 1.35 has nothing against more slashes.
        _ => {}
    }
}

/// The same, with a domain.
pub fn fully_qualified(name: &str, path: &Path, errors: &mut ErrorList) {
    qualified(name, path, errors);
    if !name.contains('/') {
        errors.invalid(path, name, "a fully qualified name must be a domain and a name separated by a slash");
    }
}

fn identifier(id: &str, path: &Path, errors: &mut ErrorList) {
    if id.len() > ID_LENGTH {
        errors.too_long(path, ID_LENGTH);
    }
    errors.invalid_each(path, id, c_identifier(id));
}

/// A qualified name as paths show it: one that is too long without its middle.
pub fn shortened(name: &str) -> String {
    if name.len() <= QUALIFIED_LENGTH || !name.is_ascii() {
        return name.to_owned();
    }
    let rest = QUALIFIED_LENGTH - 3;
    format!("{}...{}", &name[..rest.div_ceil(2)], &name[name.len() - rest / 2..])
}
