#include "views/partition_query.hpp"

#include "model/value.hpp"
#include "query/printing/literals.hpp"

namespace realmsync::views {

std::string partition_query(std::string_view property, const wire::PartitionValue& value) {
    const model::Value constant(model::key_scalar(wire::as_key(value)));
    return query::escaped_name(property) + " == " + query::literal(constant);
}

} // namespace realmsync::views
