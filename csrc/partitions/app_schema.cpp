#include "partitions/app_schema.hpp"

#include <map>
#include <memory>

#include "base/error.hpp"
#include "changeset/codec.hpp"
#include "changeset/writer.hpp"

namespace realmsync::partitions {

namespace {

using changeset::Changeset;
using changeset::Instruction;
using changeset::Op;
using model::Class;
using model::Property;
using model::Schema;

const char* name_of(Type type) {
    switch (type) {
    case kMixed: return "mixed";
    case Type::integer: return "int";
    case Type::boolean: return "bool";
    case Type::string: return "string";
    case Type::binary: return "data";
    case Type::timestamp: return "date";
    case Type::float32: return "float";
    case Type::float64: return "double";
    case Type::decimal: return "decimal128";
    case Type::object_id: return "objectId";
    case Type::uuid: return "uuid";
    default: return "no primary key";
    }
}

std::string shown(const Property& property) {
    std::string type = property.type == Type::link ? property.target : name_of(property.type);
    if (property.nullable && property.type != kMixed)
        type += '?';
    switch (property.collection) {
    case Collection::list: return "list<" + type + ">";
    case Collection::set: return "set<" + type + ">";
    case Collection::dictionary: return "dictionary<" + type + ">";
    case Collection::single: break;
    }
    return type;
}

std::string shown(const Class& cls) {
    if (cls.embedded())
        return "embedded";
    std::string text = cls.kind == TableKind::asymmetric ? "asymmetric, " : "";
    if (!cls.has_key_property)
        return text + "without a primary key";
    return text + "with the primary key '" + cls.key_name() + "' of type " + name_of(cls.key_type) +
           (cls.key_nullable ? "?" : "");
}

bool is_collection_of_values(const Property& property) {
    return property.collection != Collection::single && property.type != Type::link &&
           property.type != kMixed;
}

bool is_same(const Class& a, const Class& b, IsOpen open) {
    if (a.kind != b.kind || a.has_key_property != b.has_key_property)
        return false;
    if (!a.has_key_property)
        return true;
    return a.key_type == b.key_type && a.key_name() == b.key_name() &&
           (open == IsOpen::yes || a.key_nullable == b.key_nullable);
}

bool is_same(const Property& a, const Property& b, IsOpen open) {
    if (a.type != b.type || a.collection != b.collection || a.target != b.target)
        return false;
    return a.nullable == b.nullable || (open == IsOpen::yes && is_collection_of_values(a));
}

const Property* find(const Class* cls, std::string_view name) {
    const std::size_t at = cls ? cls->find(name) : Class::npos;
    return at == Class::npos ? nullptr : &cls->properties[at];
}

Class class_of(const Changeset& changeset, const Instruction& i) {
    Class cls;
    cls.name = changeset.strings[i.table];
    cls.kind = i.table_kind;
    if (cls.embedded())
        return cls;
    cls.key_type = i.value_type;
    cls.key_nullable = i.nullable;
    cls.has_key_property = i.value_type != Type::global_key;
    if (cls.has_key_property)
        cls.properties.push_back({.name = std::string(changeset.strings[i.field]),
                                  .type = i.value_type,
                                  .nullable = i.nullable});
    cls.index();
    return cls;
}

Property property_of(const Changeset& changeset, const Instruction& i) {
    Property property{.name = std::string(changeset.strings[i.field]),
                      .type = i.value_type,
                      .collection = i.collection,
                      .nullable = i.nullable};
    if (i.value_type == Type::link) {
        property.target = changeset.strings[i.value.target];
        property.nullable =
            i.collection == Collection::single || i.collection == Collection::dictionary;
    }
    property.nullable = property.nullable || i.value_type == kMixed;
    return property;
}

std::string in_class(std::string_view cls, const Property& property) {
    return "class '" + std::string(cls) + "', property '" + property.name + "': ";
}

std::string differs(const Class& here, const Class& there) {
    return "class '" + here.name + "': the app has it " + shown(here) + ", here it is " +
           shown(there);
}

std::string differs(std::string_view cls, const Property& here, const Property& there) {
    return in_class(cls, here) + "the app has " + shown(here) + ", here it is " + shown(there);
}

using Building = std::map<std::string, std::shared_ptr<Class>, std::less<>>;

Schema schema_of(const Building& classes) {
    Schema schema;
    for (const auto& [name, cls] : classes)
        schema.classes.emplace(name, cls);
    return schema;
}

// Copies of what it is built on.
Building building(const Schema& schema) {
    Building classes;
    for (const auto& [name, cls] : schema.classes)
        classes.emplace(name, std::make_shared<Class>(*cls));
    return classes;
}

void add_class(changeset::Writer& writer, const Class& cls) {
    writer.add_table(cls.name, cls.kind, cls.has_key_property ? cls.key_name() : std::string(),
                     cls.key_type, cls.key_nullable);
}

// One instruction's verdict at a time.
class SchemaJudge {
  public:
    explicit SchemaJudge(const SchemaRules& rules) : rules_(rules) {}

    SchemaRules::Verdict judge(const Changeset& changeset) {
        for (const Instruction& i : changeset.instructions) {
            if (i.op == Op::add_table)
                judge_class(class_of(changeset, i));
            else if (i.op == Op::add_column)
                judge_property(changeset.strings[i.table], property_of(changeset, i));
            if (verdict_.refused)
                break;
        }
        return std::move(verdict_);
    }

  private:
    void judge_class(const Class& cls) {
        if (const Class* used = rules_.used.find(cls.name)) {
            if (!is_same(*used, cls, IsOpen::no))
                verdict_.refused = differs(*used, cls);
            return;
        }
        verdict_.is_news = true;
        if (const Class* declared = rules_.declared.find(cls.name)) {
            if (!is_same(*declared, cls, IsOpen::yes))
                verdict_.refused = differs(*declared, cls);
            else if (!is_same(*declared, cls, IsOpen::no))
                notice(differs(*declared, cls));
        } else if (!rules_.in_development) {
            verdict_.refused = "the app has no class '" + cls.name + "'";
        }
    }

    void judge_property(std::string_view cls, const Property& property) {
        if (const Property* used = find(rules_.used.find(cls), property.name)) {
            if (!is_same(*used, property, IsOpen::no))
                verdict_.refused = differs(cls, *used, property);
            return;
        }
        verdict_.is_news = true;
        if (const Property* declared = find(rules_.declared.find(cls), property.name)) {
            if (!is_same(*declared, property, IsOpen::yes))
                verdict_.refused = differs(cls, *declared, property);
            else if (!is_same(*declared, property, IsOpen::no))
                notice(differs(cls, *declared, property));
        } else if (!rules_.in_development) {
            verdict_.refused =
                in_class(cls, property) + "the app has none, here it is " + shown(property);
        }
    }

    void notice(const std::string& what) {
        verdict_.noticed += (verdict_.noticed.empty() ? "" : "; ") + what;
    }

    const SchemaRules& rules_;
    SchemaRules::Verdict verdict_;
};

} // namespace

Schema read_schema(const std::string& bytes) {
    auto changeset = changeset::parse(std::make_shared<const std::string>(bytes));
    if (!changeset)
        throw ErrorException(changeset.error());
    Building classes;
    for (const Instruction& i : changeset->instructions) {
        const std::string name(changeset->strings[i.table]);
        if (i.op == Op::add_table) {
            if (!classes.emplace(name, std::make_shared<Class>(class_of(*changeset, i))).second)
                raise(ErrorKind::schema, "Class '" + name + "' is declared twice");
        } else if (i.op != Op::add_column) {
            raise(ErrorKind::bad_changeset, "A schema consists of classes and properties");
        }
    }
    for (const Instruction& i : changeset->instructions) {
        if (i.op != Op::add_column)
            continue;
        const auto cls = classes.find(changeset->strings[i.table]);
        Property property = property_of(*changeset, i);
        if (cls == classes.end() || find(cls->second.get(), property.name))
            raise(ErrorKind::schema, in_class(changeset->strings[i.table], property) +
                                         "declared twice, or the class is not there");
        if (property.type == Type::link && !classes.contains(property.target))
            raise(ErrorKind::schema,
                  in_class(cls->first, property) + "there is no class '" + property.target + "'");
        cls->second->append(std::move(property));
    }
    return schema_of(classes);
}

std::string write_additions(const Schema& wanted, const Schema& known) {
    changeset::Writer writer;
    for (const auto& [name, cls] : wanted.classes)
        if (!known.find(name))
            add_class(writer, *cls);
    for (const auto& [name, cls] : wanted.classes)
        for (const Property& property : cls->properties) {
            const bool is_key = cls->has_key_property && &property == &cls->properties[0];
            if (!is_key && !find(known.find(name), property.name))
                writer.add_column(name, property.name, property.type, property.nullable,
                                  property.collection, property.target);
        }
    return writer.take();
}

std::string write_removals(const Schema& known, const Schema& wanted) {
    const auto stays = [&](const Class& cls) {
        const Class* other = wanted.find(cls.name);
        return other && is_same(cls, *other, IsOpen::yes);
    };
    changeset::Writer writer;
    for (const auto& [name, cls] : known.classes)
        for (const Property& property : cls->properties) {
            if (cls->has_key_property && &property == &cls->properties[0])
                continue;
            const Property* other = stays(*cls) ? find(wanted.find(name), property.name) : nullptr;
            const Class* target = known.find(property.target);
            const bool loses_target = target && target != cls.get() && !stays(*target);
            // Links of a class that goes have to go before their targets can.
            const bool is_link = target && target != cls.get();
            if (stays(*cls) ? !other || !is_same(property, *other, IsOpen::yes) || loses_target
                            : is_link)
                writer.erase_column(name, property.name);
        }
    for (const auto& [name, cls] : known.classes)
        if (!stays(*cls))
            writer.erase_table(name);
    return writer.take();
}

SchemaRules::Verdict SchemaRules::judge(const Changeset& changeset) const {
    return SchemaJudge(*this).judge(changeset);
}

std::optional<std::string> contradiction(const Schema& used, const Schema& other, IsOpen open) {
    for (const auto& [name, cls] : other.classes) {
        const Class* known = used.find(name);
        if (!known)
            continue;
        if (!is_same(*known, *cls, open))
            return differs(*known, *cls);
        for (const Property& property : cls->properties) {
            const Property* before = find(known, property.name);
            const bool is_key = cls->has_key_property && &property == &cls->properties[0];
            if (before && !is_key && !is_same(*before, property, open))
                return differs(name, *before, property);
        }
    }
    return std::nullopt;
}

Schema settled_additions(const Schema& used, const Schema& declared) {
    Building classes = building(used);
    for (const auto& [name, cls] : declared.classes) {
        const auto known = classes.find(name);
        if (known == classes.end())
            continue;
        for (const Property& property : cls->properties)
            if (!is_collection_of_values(property) && !find(known->second.get(), property.name) &&
                (property.type != Type::link || used.find(property.target)))
                known->second->append(property);
    }
    return schema_of(classes);
}

Schema united(const Schema& used, const Schema& declared) {
    Building classes = building(used);
    for (const auto& [name, cls] : declared.classes) {
        const auto [known, is_new] = classes.try_emplace(name);
        if (is_new)
            known->second = std::make_shared<Class>(*cls);
        else
            for (const Property& property : cls->properties)
                if (!find(known->second.get(), property.name))
                    known->second->append(property);
    }
    return schema_of(classes);
}

} // namespace realmsync::partitions
