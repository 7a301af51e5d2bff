// What kind of value an operand has while it is bound (query-language.md 5.1, 8.1): types of
// properties, and those that only operands have. Which kinds may meet is decided here, too.
#include "query/binding/kinds.hpp"

#include <initializer_list>

#include "query/printing/print.hpp"

namespace realmsync::query {

Kind kind_of(Type property) {
    switch (property) {
    case Type::integer: return Kind::integer;
    case Type::boolean: return Kind::boolean;
    case Type::string: return Kind::string;
    case Type::binary: return Kind::binary;
    case Type::timestamp: return Kind::timestamp;
    case Type::float32: return Kind::float32;
    case Type::float64: return Kind::float64;
    case Type::decimal: return Kind::decimal;
    case Type::link: return Kind::link;
    case Type::object_id: return Kind::object_id;
    case Type::uuid: return Kind::uuid;
    default: return Kind::mixed;
    }
}

Kind kind_of(const model::Value& value) {
    if (value.is_null())
        return Kind::nothing;
    Kind kind = kind_of(value.type());
    return kind == Kind::link ? Kind::typed_link : kind;
}

Type type_of(Kind kind) {
    switch (kind) {
    case Kind::integer: return Type::integer;
    case Kind::boolean: return Type::boolean;
    case Kind::string: return Type::string;
    case Kind::binary: return Type::binary;
    case Kind::timestamp: return Type::timestamp;
    case Kind::float32: return Type::float32;
    case Kind::float64: return Type::float64;
    case Kind::decimal: return Type::decimal;
    case Kind::link:
    case Kind::typed_link: return Type::link;
    case Kind::object_id: return Type::object_id;
    case Kind::uuid: return Type::uuid;
    case Kind::nothing:
    case Kind::mixed:
    case Kind::type_attribute: break;
    }
    return Type::null;
}

std::string name(Kind kind) {
    switch (kind) {
    case Kind::nothing: return "null";
    case Kind::typed_link: return "typedLink";
    case Kind::type_attribute: return "@type";
    default: return type_name(type_of(kind));
    }
}

bool is_numeric(Kind kind) {
    return kind == Kind::integer || kind == Kind::float32 || kind == Kind::float64 ||
           kind == Kind::decimal || kind == Kind::mixed;
}

bool may_meet(Kind a, Kind b) {
    auto is_link = [](Kind kind) { return kind == Kind::link || kind == Kind::typed_link; };
    return a == b || a == Kind::mixed || b == Kind::mixed || (is_numeric(a) && is_numeric(b)) ||
           (is_link(a) && is_link(b));
}

Kind result_kind(Kind a, Kind b) {
    for (Kind kind : {Kind::mixed, Kind::decimal, Kind::float64, Kind::float32})
        if (a == kind || b == kind)
            return kind;
    return Kind::integer;
}

} // namespace realmsync::query
