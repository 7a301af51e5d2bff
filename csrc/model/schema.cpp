#include "model/schema.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>

namespace realmsync::model {

void Class::index() {
    static std::atomic<std::uint64_t> next_id{1};
    id = next_id++;
    by_name_.resize(properties.size());
    std::iota(by_name_.begin(), by_name_.end(), 0u);
    std::sort(by_name_.begin(), by_name_.end(), [this](std::uint32_t a, std::uint32_t b) {
        return properties[a].name < properties[b].name;
    });
}

void Class::append(Property property) {
    const auto at = std::lower_bound(
        by_name_.begin(), by_name_.end(), property.name,
        [this](std::uint32_t i, const std::string& other) { return properties[i].name < other; });
    by_name_.insert(at, static_cast<std::uint32_t>(properties.size()));
    properties.push_back(std::move(property));
}

std::size_t Class::find(std::string_view property) const {
    auto found = std::lower_bound(
        by_name_.begin(), by_name_.end(), property,
        [this](std::uint32_t i, std::string_view wanted) { return properties[i].name < wanted; });
    return found != by_name_.end() && properties[*found].name == property ? *found : npos;
}

Value zero_value(const Property& property) {
    switch (property.collection) {
    case Collection::list: return Value::empty(Type::list);
    case Collection::set: return Value::empty(Type::set);
    case Collection::dictionary: return Value::empty(Type::dictionary);
    case Collection::single: break;
    }
    if (property.takes_null())
        return {};
    switch (property.type) {
    case Type::integer: return Value(std::int64_t{0});
    case Type::boolean: return Value(false);
    case Type::string: return Value(std::string());
    case Type::binary: return Value(Binary{});
    case Type::timestamp: return Value(Timestamp{0, 0});
    case Type::float32: return Value(0.0f);
    case Type::float64: return Value(0.0);
    case Type::decimal: return Value(Decimal128{0, std::uint64_t{6176} << 49});
    case Type::object_id: return Value(ObjectId{});
    case Type::uuid: return Value(Uuid{});
    default: return {};
    }
}

Scalar zero_scalar(const Property& property) {
    const Value zero = zero_value(property);
    LinkTarget no_link;
    Scalar scalar = zero.view(no_link);
    scalar.bytes = std::string_view(""); // not those of `zero`, which ends here
    return scalar;
}

} // namespace realmsync::model
