// Classes, values and arguments in the form of the recorded queries and their data set
// (tests/vectors/README.md, queries/), as json.load gives it.
#include "bindings/testbed/recorded_forms.hpp"

#include <bit>
#include <charconv>

#include "base/decimal.hpp"
#include "base/hex.hpp"
#include "model/keys.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

using model::Value;

std::string text(const py::dict& form, const char* name) { return form[name].cast<std::string>(); }

std::string optional_text(const py::dict& form, const char* name) {
    return form.contains(name) ? text(form, name) : std::string();
}

bool flag(const py::dict& form, const char* name) {
    return form.contains(name) && form[name].cast<bool>();
}

Type type_named(const std::string& name) {
    const std::pair<const char*, Type> types[] = {{"int", Type::integer},
                                                  {"bool", Type::boolean},
                                                  {"string", Type::string},
                                                  {"binary", Type::binary},
                                                  {"timestamp", Type::timestamp},
                                                  {"float", Type::float32},
                                                  {"double", Type::float64},
                                                  {"decimal", Type::decimal},
                                                  {"objectid", Type::object_id},
                                                  {"uuid", Type::uuid},
                                                  {"mixed", kMixed},
                                                  {"link", Type::link},
                                                  {"object", Type::link}};
    for (const auto& [known, type] : types)
        if (name == known)
            return type;
    throw py::value_error("no type: " + name);
}

Collection collection_named(const std::string& name) {
    return name == "list"         ? Collection::list
           : name == "set"        ? Collection::set
           : name == "dictionary" ? Collection::dictionary
                                  : Collection::single;
}

std::uint64_t bits(const std::string& hex) {
    std::uint64_t value = 0;
    std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
    return value;
}

Decimal128 decimal(const py::dict& form) {
    if (form.contains("bid_hi"))
        return {bits(text(form, "bid_lo")), bits(text(form, "bid_hi"))};
    std::optional<Decimal128> value = from_reference_text(text(form, "v"));
    if (!value)
        throw py::value_error("no decimal");
    return *value;
}

Value collection(const py::dict& form, const std::string& kind, const model::Schema& schema) {
    auto items = form["v"].cast<py::list>();
    if (kind == "dictionary") {
        auto made = std::make_unique<model::Dictionary>();
        for (py::handle item : items) {
            auto pair = item.cast<py::list>();
            made->items[pair[0].cast<std::string>()] =
                recorded_value(pair[1].cast<py::dict>(), schema);
        }
        return Value(std::move(made));
    }
    model::Sequence<Value> values;
    for (py::handle item : items)
        values.push_back(recorded_value(item.cast<py::dict>(), schema));
    if (kind == "set")
        return Value(std::make_unique<model::Set>(model::Set{std::move(values)}));
    return Value(std::make_unique<model::List>(model::List{std::move(values)}));
}

query::GeoPoint point(const py::handle& form) {
    auto coordinates = form.cast<py::list>();
    query::GeoPoint point;
    point.longitude = coordinates[0].cast<double>();
    point.latitude = coordinates[1].cast<double>();
    point.has_altitude = coordinates.size() > 2;
    if (point.has_altitude)
        point.altitude = coordinates[2].cast<double>();
    return point;
}

} // namespace

model::SchemaPtr recorded_schema(const py::list& classes) {
    auto schema = std::make_shared<model::Schema>();
    std::map<std::string, Type> key_types;
    for (py::handle item : classes) {
        auto form = item.cast<py::dict>();
        std::string key = optional_text(form, "pk");
        for (py::handle property : form["properties"].cast<py::list>())
            if (text(property.cast<py::dict>(), "name") == key)
                key_types[text(form, "name")] = type_named(text(property.cast<py::dict>(), "type"));
    }
    for (py::handle item : classes) {
        auto form = item.cast<py::dict>();
        auto cls = std::make_shared<model::Class>();
        cls->name = text(form, "name");
        cls->kind = flag(form, "embedded") ? TableKind::embedded : TableKind::top_level;
        std::string key = optional_text(form, "pk");
        for (py::handle entry : form["properties"].cast<py::list>()) {
            auto given = entry.cast<py::dict>();
            model::Property property;
            property.name = text(given, "name");
            property.type = type_named(text(given, "type"));
            property.collection = collection_named(optional_text(given, "collection"));
            property.nullable = flag(given, "nullable");
            property.target = optional_text(given, "target");
            property.target_embedded = text(given, "type") == "object";
            property.target_key_type = key_types[property.target];
            if (property.name == key) {
                cls->has_key_property = true;
                cls->key_type = property.type;
                cls->key_nullable = property.nullable;
                cls->properties.insert(cls->properties.begin(), std::move(property));
            } else {
                cls->properties.push_back(std::move(property));
            }
        }
        cls->index();
        schema->classes[cls->name] = std::move(cls);
    }
    return schema;
}

std::vector<std::string> recorded_full_text(const py::list& classes) {
    std::vector<std::string> names;
    for (py::handle item : classes) {
        auto form = item.cast<py::dict>();
        for (py::handle property : form["properties"].cast<py::list>())
            if (optional_text(property.cast<py::dict>(), "index") == "fulltext")
                names.push_back(text(form, "name") + "." + text(property.cast<py::dict>(), "name"));
    }
    return names;
}

Value recorded_value(const py::dict& form, const model::Schema& schema) {
    std::string kind = text(form, "t");
    if (kind == "null")
        return Value();
    if (kind == "int")
        return Value(form["v"].cast<std::int64_t>());
    if (kind == "bool")
        return Value(form["v"].cast<bool>());
    if (kind == "string")
        return Value(text(form, "v"));
    if (kind == "binary")
        return Value(model::Binary{*from_hex(text(form, "hex"))});
    if (kind == "timestamp")
        return Value(Timestamp{form["s"].cast<std::int64_t>(), form["n"].cast<std::int32_t>()});
    if (kind == "double")
        return Value(std::bit_cast<double>(bits(text(form, "bits"))));
    if (kind == "float")
        return Value(std::bit_cast<float>(static_cast<std::uint32_t>(bits(text(form, "bits")))));
    if (kind == "decimal")
        return Value(decimal(form));
    if (kind == "objectid")
        return Value(parse_object_id(text(form, "v")).value());
    if (kind == "uuid")
        return Value(parse_uuid(text(form, "v")).value());
    if (kind == "link") {
        Value key = recorded_value(form["pk"].cast<py::dict>(), schema);
        return Value(std::make_unique<model::Link>(
            model::Link{text(form, "class"), model::ObjectKey(model::key_of(key).value())}));
    }
    if (kind == "object") {
        const model::Class* cls = schema.find(text(form, "class"));
        return Value(std::make_unique<model::Embedded>(
            model::Embedded{recorded_properties(form["v"].cast<py::dict>(), *cls, schema)}));
    }
    return collection(form, kind, schema);
}

std::vector<Value> recorded_properties(const py::dict& form, const model::Class& cls,
                                       const model::Schema& schema) {
    std::vector<Value> values;
    values.reserve(cls.properties.size());
    for (const model::Property& property : cls.properties) {
        const char* name = property.name.c_str();
        values.push_back(form.contains(name) ? recorded_value(form[name].cast<py::dict>(), schema)
                                             : model::zero_value(property));
    }
    return values;
}

query::Argument recorded_argument(const py::dict& form, const model::Schema& schema) {
    std::string kind = text(form, "t");
    if (kind == "list") {
        query::ArgumentList list;
        for (py::handle item : form["v"].cast<py::list>())
            list.items.push_back(recorded_value(item.cast<py::dict>(), schema));
        return list;
    }
    if (kind == "geopoint")
        return point(form["p"]);
    if (kind == "geobox")
        return query::Region(query::GeoBox{point(form["lo"]), point(form["hi"])});
    if (kind == "geocircle")
        return query::Region(query::GeoCircle{point(form["center"]), form["r"].cast<double>()});
    if (kind == "geopolygon") {
        query::GeoPolygon polygon;
        for (py::handle ring : form["rings"].cast<py::list>()) {
            polygon.rings.emplace_back();
            for (py::handle corner : ring.cast<py::list>())
                polygon.rings.back().push_back(point(corner));
        }
        return query::Region(std::move(polygon));
    }
    return recorded_value(form, schema);
}

query::KeyPathMapping recorded_mapping(const py::list& entries) {
    query::KeyPathMapping mapping;
    for (py::handle item : entries) {
        auto form = item.cast<py::dict>();
        if (form.contains("alias"))
            mapping.classes.push_back({text(form, "class"), text(form, "alias")});
        else
            mapping.properties.push_back(
                {text(form, "class"), text(form, "property"), text(form, "to")});
    }
    return mapping;
}

} // namespace realmsync::bindings::testbed
