#include "bindings/values/state_form.hpp"

#include <cstdio>

#include "base/decimal.hpp"
#include "base/hex.hpp"
#include "model/text_forms.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

py::dict tagged(const char* tag, py::object content) {
    py::dict dict;
    dict[tag] = std::move(content);
    return dict;
}

py::str printed(const char* format, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

} // namespace

py::object StateForm::key(const Key& key) const {
    Scalar scalar = model::key_scalar(key);
    if (key.type == Type::global_key)
        return py::str(model::global_key_text(key.global));
    return value(model::Value(scalar), nullptr, false);
}

py::object StateForm::value(const model::Value& value, const model::Property* property,
                            bool hide) const {
    switch (value.type()) {
    case Type::null: return py::none();
    case Type::boolean: return py::bool_(std::get<bool>(value.data));
    case Type::string: return py::str(std::get<std::string>(value.data));
    case Type::integer:
        return tagged("$numberLong", py::str(std::to_string(std::get<std::int64_t>(value.data))));
    case Type::float32:
        return tagged("$numberDouble", printed("%.7e", std::get<float>(value.data)));
    case Type::float64:
        return tagged("$numberDouble", printed("%.16e", std::get<double>(value.data)));
    case Type::decimal:
        return tagged("$numberDecimal",
                      py::str(to_reference_text(std::get<Decimal128>(value.data))));
    case Type::binary: return py::bytes(std::get<model::Binary>(value.data).bytes);
    case Type::timestamp: {
        const auto& time = std::get<Timestamp>(value.data);
        return tagged("$date",
                      tagged("$numberLong", py::str(std::to_string(time.seconds * 1000 +
                                                                   time.nanoseconds / 1000000))));
    }
    case Type::object_id:
        return tagged("$oid", py::str(format_object_id(std::get<ObjectId>(value.data))));
    case Type::uuid: return tagged("$uuid", py::str(format_uuid(std::get<Uuid>(value.data))));
    case Type::link: return link(*value.link(), hide);
    case Type::object_value: {
        py::dict object;
        object["table"] = "class_" + property->target;
        object["value"] = members(*schema_->find(property->target), value.embedded()->properties);
        return tagged("$embedded", object);
    }
    case Type::list: return items(value.list()->items, property);
    case Type::set: return tagged("$set", items(value.set()->items, property));
    case Type::dictionary: {
        py::dict dict;
        for (const auto& [name, item] : value.dictionary()->items)
            dict[py::str(name)] = this->value(item, property, true);
        return tagged("$dictionary", dict);
    }
    default: return py::none();
    }
}

py::dict StateForm::members(const model::Class& cls, std::span<const model::Value> values) const {
    py::dict object;
    for (std::size_t i = 0; i < values.size(); i++)
        object[py::str(cls.properties[i].name)] = value(values[i], &cls.properties[i], true);
    return object;
}

py::dict StateForm::state() const {
    py::dict state;
    for (const auto& [name, cls] : schema_->classes) {
        if (cls->embedded())
            continue;
        py::list objects;
        for (const model::ObjectKey& key : tables_.keys(partition_, *cls, nullptr, SIZE_MAX >> 1))
            objects.append(members(*cls, *tables_.read_object(partition_, *schema_, *cls,
                                                              key.view(), tables::Links::stored)));
        state[py::str(name)] = objects;
    }
    return state;
}

py::list StateForm::items(const model::Sequence<model::Value>& values,
                          const model::Property* property) const {
    py::list list;
    for (const model::Value& item : values)
        list.append(value(item, property, false));
    return list;
}

py::object StateForm::link(const model::Link& link, bool hide) const {
    const model::Class* target = schema_->find(link.table);
    if (hide && (target == nullptr || !tables_.exists(partition_, *target, link.key.view())))
        return py::none();
    py::dict content;
    content["table"] = link.table;
    content["key"] = key(link.key.view());
    return tagged("$link", content);
}

} // namespace realmsync::bindings
