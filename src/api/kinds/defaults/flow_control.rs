//! Flow schemas and priority levels.

use serde_json::Value;

use super::Complete;

pub fn flow_schema(schema: &mut Value) {
    if let Some(spec) = schema.always(&["spec"]) {
        spec.empty("matchingPrecedence", 1000);
    }
}

pub fn priority_level_configuration(level: &mut Value) {
    if let Some(exempt) = level.part("/spec/exempt") {
        exempt.absent("nominalConcurrencyShares", 0);
        exempt.absent("lendablePercent", 0);
    }
    if let Some(limited) = level.part("/spec/limited") {
        limited.absent("nominalConcurrencyShares", 30);
        limited.absent("lendablePercent", 0);
    }
    if let Some(queuing) = level.part("/spec/limited/limitResponse/queuing") {
        queuing.empty("handSize", 8);
        queuing.empty("queues", 64);
        queuing.empty("queueLengthLimit", 50);
    }
}
