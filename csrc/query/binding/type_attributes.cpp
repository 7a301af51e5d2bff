// The names that @type is compared with (query-language.md 11.6), as masks: a value's type is one
// bit, a name may stand for several.
#include "query/binding/type_attributes.hpp"

#include <algorithm>

namespace realmsync::query {

namespace {

constexpr std::uint32_t kNull = 1, kInteger = 2, kDouble = 4, kFloat = 8, kBoolean = 0x10,
                        kTimestamp = 0x20, kString = 0x40, kBinary = 0x80, kUuid = 0x100,
                        kObjectId = 0x200, kDecimal = 0x400, kLink = 0x800, kObject = 0x1000,
                        kArray = 0x2000;

struct Name {
    std::string_view text;
    std::uint32_t mask;
};
// In the order of the message; the first of one mask is the one that is printed.
constexpr Name kNames[] = {
    {"null", kNull},
    {"int", kInteger},
    {"integer", kInteger},
    {"int16", kInteger},
    {"int32", kInteger},
    {"int64", kInteger},
    {"short", kInteger},
    {"long", kInteger},
    {"byte", kInteger},
    {"char", kInteger},
    {"bool", kBoolean},
    {"boolean", kBoolean},
    {"string", kString},
    {"binary", kBinary},
    {"data", kBinary},
    {"bytearray", kBinary},
    {"byte[]", kBinary},
    {"date", kTimestamp},
    {"datetimeoffset", kTimestamp},
    {"timestamp", kTimestamp},
    {"float", kFloat},
    {"double", kDouble},
    {"decimal128", kDecimal},
    {"decimal", kDecimal},
    {"objectlink", kLink},
    {"link", kLink},
    {"objectid", kObjectId},
    {"uuid", kUuid},
    {"guid", kUuid},
    {"numeric", kInteger | kFloat | kDouble | kDecimal},
    {"bindata", kBinary},
    {"object", kObject},
    {"dictionary", kObject},
    {"array", kArray},
    {"list", kArray},
    {"collection", kObject | kArray},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Constant constant_of(std::uint32_t mask) {
    auto found = std::find_if(std::begin(kNames), std::end(kNames),
                              [&](const Name& name) { return name.mask == mask; });
    return {model::Value(std::string(found->text)), mask};
}

std::uint32_t mask_of(Type property) {
    switch (property) {
    case Type::integer: return kInteger;
    case Type::boolean: return kBoolean;
    case Type::string: return kString;
    case Type::binary: return kBinary;
    case Type::timestamp: return kTimestamp;
    case Type::float32: return kFloat;
    case Type::float64: return kDouble;
    case Type::decimal: return kDecimal;
    case Type::object_id: return kObjectId;
    case Type::uuid: return kUuid;
    default: return kLink;
    }
}

} // namespace

std::optional<Constant> type_attribute(std::string_view name) {
    for (const Name& known : kNames) {
        if (std::equal(name.begin(), name.end(), known.text.begin(), known.text.end(),
                       [](char a, char b) { return lower(a) == b; }))
            return constant_of(known.mask);
    }
    return std::nullopt;
}

Constant type_attribute(Type property) { return constant_of(mask_of(property)); }

std::string type_attribute_names() {
    std::string names;
    for (const Name& known : kNames)
        names.append(names.empty() ? "" : ", ").append(known.text);
    return names;
}

} // namespace realmsync::query
