// What query_fuzz.cpp asks: a schema like that of the recorded queries, of each class an object
// with a value in every property and one with none, and arguments of every kind.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/schema.hpp"
#include "query/binding/bind.hpp"
#include "query/values/image.hpp"

namespace realmsync::fuzz {

// A class up to each semicolon, embedded ones with a dash. Properties: name, type or target, ? if
// nullable; [] list, <> set, {} dictionary. The first of a top-level class is its key.
inline constexpr std::string_view kSchema =
    R"(Person _id:int name:string? nick:string age:int? rank:int email:string? score:double
weight:double? ratio:float? money:decimal? born:timestamp? active:bool? oid:objectid? uid:uuid?
photo:binary? val:mixed bio:string? tags:string?[] nums:int[] onums:int?[] scores:double[]
ratios:float?[] decs:decimal?[] times:timestamp?[] flags:bool[] oids:objectid?[] uids:uuid[]
bins:binary?[] anys:mixed[] uniq:int<> labels:string?<> mset:mixed<> attrs:mixed{} counts:int{}
texts:string?{} boss:Person friends:Person[] peers:Person<> contacts:Person{} addr:Address
homes:Address[] places:Address{} shop:Shop token:Token pets:Dog[];
Dog _id:objectid name:string? age:int? weight:float owner:Person location:Place spots:Place[]
toys:string[] chip:uuid? mate:Dog;
Shop _id:string? city:string? open:bool staff:Person[] stock:int{};
Token _id:uuid level:int holder:Person value:mixed;
Odd _id:int first\name:int? sort:int? in:int? text:int? binary:int? size:int? a-1:int? $a:int?
T399:int? length:int? any:int? strs:string[] first\list:int[];
-Address street:string? zip:int? city:string? geo:Place tags:string[] resident:Person;
-Place type:string coordinates:double[])";

inline Type type_named(std::string_view name) {
    static const std::map<std::string_view, Type> kTypes = {
        {"int", Type::integer},         {"bool", Type::boolean},    {"string", Type::string},
        {"binary", Type::binary},       {"float", Type::float32},   {"double", Type::float64},
        {"timestamp", Type::timestamp}, {"decimal", Type::decimal}, {"mixed", kMixed},
        {"objectid", Type::object_id},  {"uuid", Type::uuid}};
    auto found = kTypes.find(name);
    return found == kTypes.end() ? Type::link : found->second;
}

inline model::Property property_of(std::string_view word) {
    static const std::map<std::string_view, Collection> kCollections = {
        {"[]", Collection::list}, {"<>", Collection::set}, {"{}", Collection::dictionary}};
    model::Property property;
    for (const auto& [mark, collection] : kCollections) {
        if (word.ends_with(mark)) {
            property.collection = collection;
            word.remove_suffix(mark.size());
        }
    }
    property.nullable = word.ends_with('?');
    if (property.nullable)
        word.remove_suffix(1);
    std::size_t colon = word.find(':');
    property.name = word.substr(0, colon);
    if (std::size_t blank = property.name.find('\\'); blank != std::string::npos)
        property.name[blank] = ' ';
    property.column = property.name;
    property.type = type_named(word.substr(colon + 1));
    if (property.type == Type::link)
        property.target = word.substr(colon + 1);
    return property;
}

inline model::Class class_of(const std::string& line) {
    model::Class cls;
    std::istringstream words(line);
    words >> cls.name;
    if (cls.name.starts_with('-')) {
        cls.name.erase(0, 1);
        cls.kind = TableKind::embedded;
    }
    for (std::string word; words >> word;)
        cls.properties.push_back(property_of(word));
    if (!cls.embedded()) {
        cls.has_key_property = true;
        cls.key_type = cls.properties[0].type;
        cls.key_nullable = cls.properties[0].nullable;
        cls.table = cls.name;
        cls.key_column = cls.properties[0].column;
    }
    cls.index();
    return cls;
}

inline model::SchemaPtr make_schema() {
    std::map<std::string, model::Class> classes;
    std::istringstream lines{std::string(kSchema)};
    for (std::string line; std::getline(lines, line, ';');) {
        model::Class cls = class_of(line);
        classes[cls.name] = std::move(cls);
    }
    auto schema = std::make_shared<model::Schema>();
    for (auto& [name, cls] : classes) {
        for (model::Property& property : cls.properties) {
            if (property.type == Type::link) {
                property.target_embedded = classes[property.target].embedded();
                property.target_key_type = classes[property.target].key_type;
            }
        }
        schema->classes[name] = std::make_shared<const model::Class>(cls);
    }
    return schema;
}

inline Key key_of(const model::Class& cls) { // of the object that has values
    Key key;
    key.type = cls.key_type;
    if (key.type == Type::integer)
        key.integer = 1;
    else if (key.type == Type::string)
        key.string = "a";
    else if (key.type == Type::object_id)
        key.object_id = {};
    else if (key.type == Type::uuid)
        key.uuid = {};
    return key;
}

class World : public query::Graph {
  public:
    World() : schema_(make_schema()) {
        for (const auto& [name, cls] : schema_->classes) {
            std::vector<model::Value>& values = values_[cls.get()];
            for (const model::Property& property : cls->properties)
                values.push_back(value_of(property));
            images_[cls.get()] = {cls.get(), key_of(*cls), values.data(), values.size()};
        }
    }

    const model::SchemaPtr& schema() const { return schema_; }
    const query::Image& object(const model::Class& cls) const { return images_.at(&cls); }

    const query::Image* target(const model::Class& cls, const Key& key) override {
        return model::equal(key, key_of(cls)) ? &images_.at(&cls) : nullptr;
    }
    void sources(const model::Class& cls, std::size_t property, const query::Image& to,
                 const std::function<bool(const query::Image&)>& visit) override {
        if (cls.properties[property].target == to.cls->name && to.count != 0)
            visit(images_.at(&cls));
    }

  private:
    model::Value single(const model::Property& property) const {
        using model::Value;
        switch (property.type) {
        case Type::integer: return Value(std::int64_t{1});
        case Type::boolean: return Value(true);
        case Type::string: return Value(std::string("Point"));
        case Type::binary: return Value(model::Binary{"a"});
        case Type::timestamp: return Value(Timestamp{1, 2});
        case Type::float32: return Value(1.5F);
        case Type::float64: return Value(0.5);
        case Type::decimal: return Value(Decimal128{11, 0x303E000000000000}); // 1.1
        case Type::object_id: return Value(ObjectId{});
        case Type::uuid: return Value(Uuid{});
        case Type::link: break;
        default: return nested();
        }
        const model::Class& target = *schema_->find(property.target);
        if (!target.embedded())
            return Value(std::make_unique<model::Link>(
                model::Link{target.name, model::ObjectKey(key_of(target))}));
        Value value = Value::empty(Type::object_value);
        for (const model::Property& inner : target.properties)
            value.embedded()->properties.push_back(value_of(inner));
        return value;
    }

    model::Value value_of(const model::Property& property) const {
        using model::Value;
        if (property.collection == Collection::single)
            return single(property);
        if (property.collection == Collection::dictionary) {
            Value value = Value::empty(Type::dictionary);
            value.dictionary()->items.emplace("a", single(property));
            if (property.takes_null())
                value.dictionary()->items.emplace("k", Value());
            return value;
        }
        bool is_list = property.collection == Collection::list;
        Value value = Value::empty(is_list ? Type::list : Type::set);
        auto& items = is_list ? value.list()->items : value.set()->items;
        if (property.nullable) // of elements; sets have it in front
            items.push_back(Value());
        items.push_back(single(property));
        if (is_list)
            items.push_back(single(property));
        return value;
    }

    // In a Mixed: {"a": [1, "a", null]}.
    static model::Value nested() {
        using model::Value;
        Value list = Value::empty(Type::list);
        list.list()->items.push_back(Value(std::int64_t{1}));
        list.list()->items.push_back(Value(std::string("a")));
        list.list()->items.push_back(Value());
        Value value = Value::empty(Type::dictionary);
        value.dictionary()->items.emplace("a", std::move(list));
        return value;
    }

    model::SchemaPtr schema_;
    std::map<const model::Class*, std::vector<model::Value>> values_;
    std::map<const model::Class*, query::Image> images_;
};

// One of each kind, in an order that mixes them.
inline std::vector<query::Argument> make_arguments() {
    using model::Value;
    query::ArgumentList list;
    list.items.emplace_back(std::int64_t{1});
    list.items.emplace_back(std::string("a"));
    list.items.emplace_back();
    std::vector<query::Argument> arguments;
    arguments.emplace_back(Value(std::int64_t{42}));
    arguments.emplace_back(Value(std::string("name")));
    arguments.emplace_back(Value(0.1));
    arguments.emplace_back(std::move(list));
    arguments.emplace_back(Value());
    arguments.emplace_back(query::Region(query::GeoCircle{{.longitude = 1, .latitude = 2}, 0.5}));
    arguments.emplace_back(Value(1.5F));
    arguments.emplace_back(Value(true));
    arguments.emplace_back(Value(Timestamp{1, 2}));
    arguments.emplace_back(query::ArgumentList{});
    return arguments;
}

} // namespace realmsync::fuzz
