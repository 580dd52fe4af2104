//! What functions give: those of CEL and of Kubernetes' libraries (`k8s.io/apiserver/pkg/cel/library`).

use super::Type;

/// What stands before the dot of a function's name, and is no variable.
pub const NAMESPACES: [&str; 7] = ["sets", "math", "optional", "strings", "cel", "format", "lists"];

/// Functions whose arguments name variables of their own.
pub const BINDERS: [&str; 6] = ["bind", "optMap", "optFlatMap", "transformList", "transformMap", "sortBy"];

const TEXTS: [&str; 22] = [
    "string", "lowerAscii", "upperAscii", "trim", "substring", "charAt", "replace", "join", "format", "quote", "find", "getScheme", "getHost",
    "getHostname", "getPort", "getEscapedPath", "reason", "error", "dns1123Label", "reverse", "base64", "preRelease",
];
const TRUTHS: [&str; 37] = [
    "bool", "contains", "startsWith", "endsWith", "matches", "isSorted", "isURL", "isQuantity", "isInteger", "isGreaterThan", "isLessThan",
    "isIP", "isCIDR", "containsIP", "containsCIDR", "isUnspecified", "isLoopback", "isLinkLocalMulticast", "isLinkLocalUnicast",
    "isGlobalUnicast", "isCanonical", "ip.isCanonical", "equivalent", "intersects", "allowed", "errored", "hasValue", "isSemver", "isFinite",
    "isInf", "isNaN", "isMask", "isMasked", "isStale", "isPrimary", "isSubset", "isSuperset",
];
const COUNTS: [&str; 23] = [
    "int", "size", "indexOf", "lastIndexOf", "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek",
    "getHours", "getMinutes", "getSeconds", "getMilliseconds", "sign", "asInteger", "compareTo", "family", "prefixLength", "major", "minor",
    "patch", "length",
];
const OTHERS: [&str; 60] = [
    "uint", "double", "bytes", "timestamp", "duration", "dyn", "type", "split", "findAll", "getQuery", "sum", "min", "max", "url",
    "quantity", "add", "sub", "asApproximateFloat", "ip", "cidr", "masked", "path", "group", "serviceAccount", "resource", "subresource",
    "namespace", "name", "check", "fieldSelector", "labelSelector", "validate", "of", "none", "ofNonZeroValue", "orValue", "or", "value",
    "named", "semver", "greatest", "least", "abs", "ceil", "floor", "round", "trunc", "bitAnd", "bitOr", "bitXor", "bitNot", "bitShiftLeft",
    "bitShiftRight", "flatten", "sort", "slice", "distinct", "range", "first", "last",
];
/// What a text only can do.
const OF_TEXTS: [&str; 10] =
    ["startsWith", "endsWith", "matches", "lowerAscii", "upperAscii", "trim", "substring", "charAt", "replace", "split"];

/// The type of what a function gives.
///
/// # Errors
/// There is no such function, or it does not do what is asked for.
pub fn result(name: &str, target: Option<&Type>, arguments: &[Type]) -> Result<Type, String> {
    let subject = target.or(arguments.first());
    let fits = match (name, subject) {
        ("size", Some(of)) => of.is_open() || matches!(of, Type::String | Type::Bytes | Type::List(_) | Type::Map(..)),
        (name, Some(of)) if OF_TEXTS.contains(&name) && target.is_some() => of.is_open() || *of == Type::String,
        _ => true,
    };
    if !fits {
        return Err(format!("found no matching overload for '{name}'"));
    }
    match name {
        "uint" => Ok(Type::Uint),
        "double" | "asApproximateFloat" => Ok(Type::Double),
        "bytes" => Ok(Type::Bytes),
        "timestamp" => Ok(Type::Timestamp),
        "duration" => Ok(Type::Duration),
        "dyn" => Ok(Type::Dyn),
        "split" | "findAll" => Ok(Type::list(Type::String)),
        "error" if target.is_none() => Err("undeclared reference to 'error'".to_owned()),
        // They give what they are given.
        "reverse" if matches!(target, Some(Type::List(_))) => Ok(target.cloned().unwrap_or(Type::Unknown)),
        name if TEXTS.contains(&name) => Ok(Type::String),
        name if TRUTHS.contains(&name) => Ok(Type::Bool),
        name if COUNTS.contains(&name) => Ok(Type::Int),
        name if OTHERS.contains(&name) => Ok(Type::Unknown),
        name => Err(format!("undeclared reference to '{name}' (in container '')")),
    }
}
