//! What functions give: those of CEL and of Kubernetes' libraries (`k8s.io/apiserver/pkg/cel/library`).

use super::{Type, is_among};

/// What stands before the dot of a function's name, and is no variable.
pub const NAMESPACES: &str = "sets math optional strings cel format lists";

/// Functions whose arguments name variables of their own.
pub const BINDERS: &str = "bind optMap optFlatMap transformList transformMap sortBy";

const TEXTS: &str = "string lowerAscii upperAscii trim substring charAt replace join format quote find getScheme getHost getHostname \
                     getPort getEscapedPath reason error reverse";
const TRUTHS: &str = "bool contains startsWith endsWith matches isSorted isURL isQuantity isInteger isGreaterThan isLessThan isIP isCIDR \
                      containsIP containsCIDR isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast isCanonical \
                      equivalent intersects allowed errored hasValue isSemver isFinite isInf isNaN";
const COUNTS: &str = "int size indexOf lastIndexOf getFullYear getMonth getDayOfYear getDayOfMonth getDate getDayOfWeek getHours getMinutes \
                      getSeconds getMilliseconds sign asInteger compareTo family prefixLength major minor patch";
const OTHERS: &str = "type getQuery sum min max url quantity add sub ip cidr masked path group serviceAccount resource subresource namespace \
                      name check fieldSelector labelSelector validate of none ofNonZeroValue orValue or value named semver greatest least \
                      abs ceil floor round trunc bitAnd bitOr bitXor bitNot bitShiftLeft bitShiftRight flatten sort slice distinct range \
                      first last dns1123Label dns1123Subdomain dns1035Label qualifiedName labelValue uri uuid byte date datetime";
/// What a text only can do.
const OF_TEXTS: &str = "startsWith endsWith matches lowerAscii upperAscii trim substring charAt replace split";

/// The type of what a function gives.
///
/// # Errors
/// There is no such function, or it does not do what is asked for.
pub fn result(name: &str, target: Option<&Type>, arguments: &[Type]) -> Result<Type, String> {
    let fits = match (name, target.or(arguments.first())) {
        ("size", Some(of)) => of.is_open() || matches!(of, Type::String | Type::Bytes | Type::List(_) | Type::Map(..)),
        (name, Some(of)) if target.is_some() && is_among(name, OF_TEXTS) => of.is_open() || *of == Type::String,
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
        // A list's is a list.
        "reverse" if !matches!(target, Some(Type::String)) => Ok(target.cloned().unwrap_or(Type::Unknown)),
        name if is_among(name, TEXTS) => Ok(Type::String),
        name if is_among(name, TRUTHS) => Ok(Type::Bool),
        name if is_among(name, COUNTS) => Ok(Type::Int),
        name if is_among(name, OTHERS) => Ok(Type::Unknown),
        name => Err(format!("undeclared reference to '{name}' (in container '')")),
    }
}
