#include "model/schema_differences.hpp"

#include <utility>

namespace realmsync::model {

namespace {

using Kind = Difference::Kind;

std::string describe(const Property& property) {
    static const char* const names[] = {"mixed",      "int",  "bool",     "string",
                                        "data",       "date", "float",    "double",
                                        "decimal128", "link", "objectId", "uuid"};
    std::string element = property.type == Type::link ? "<" + property.target + ">"
                                                      : names[static_cast<int>(property.type)];
    switch (property.collection) {
    case Collection::list: return "array<" + element + ">";
    case Collection::set: return "set<" + element + ">";
    case Collection::dictionary: return "dictionary<string, " + element + ">";
    default: return element;
    }
}

const char* describe(TableKind kind) {
    switch (kind) {
    case TableKind::embedded: return "Embedded";
    case TableKind::asymmetric: return "TopLevelAsymmetric";
    default: return "TopLevel";
    }
}

std::string key_of(const Class& cls) { return cls.has_key_property ? cls.key_name() : ""; }

class Comparison {
  public:
    std::vector<Difference> found;

    void compare(const Class& before, const Class& after) {
        if (before.kind != after.kind)
            add(Kind::kind_changed, after, "",
                "Class '" + after.name + "' has been changed from " + describe(before.kind) +
                    " to " + describe(after.kind) + ".");
        if (const std::string was = key_of(before), is = key_of(after); was != is)
            add(Kind::key_changed, after, is,
                "Primary Key for class '" + after.name + "' has " +
                    (was.empty()  ? "been added."
                     : is.empty() ? "been removed."
                                  : "changed from '" + was + "' to '" + is + "'."));
        for (const Property& p : after.properties) {
            const std::size_t at = before.find(p.name);
            if (at == Class::npos)
                add(Kind::property_added, after, p, "added.");
            else
                compare(after, before.properties[at], p);
        }
        for (const Property& p : before.properties)
            if (after.find(p.name) == Class::npos)
                add(Kind::property_removed, after, p, "removed.");
    }
    void add(Kind kind, const Class& cls, std::string property, std::string text) {
        found.push_back({kind, cls.name, std::move(property), std::move(text)});
    }

  private:
    void compare(const Class& cls, const Property& before, const Property& after) {
        if (before.type != after.type || before.collection != after.collection ||
            before.target != after.target)
            add(Kind::type_changed, cls, after,
                "changed from '" + describe(before) + "' to '" + describe(after) + "'.");
        else if (before.nullable != after.nullable && after.nullable)
            add(Kind::made_optional, cls, after, "made optional.");
        else if (before.nullable != after.nullable)
            add(Kind::made_required, cls, after, "made required.");
    }
    void add(Kind kind, const Class& cls, const Property& property, const std::string& what) {
        add(kind, cls, property.name,
            "Property '" + cls.name + "." + property.name + "' has been " + what);
    }
};

} // namespace

std::vector<Difference> differences(const Schema& before, const Schema& after) {
    Comparison comparison;
    for (const auto& [name, cls] : after.classes) {
        if (const Class* old = before.find(name))
            comparison.compare(*old, *cls);
        else
            comparison.add(Kind::class_added, *cls, "", "Class '" + name + "' has been added.");
    }
    for (const auto& [name, cls] : before.classes)
        if (after.find(name) == nullptr)
            comparison.add(Kind::class_removed, *cls, "", "Class '" + name + "' has been removed.");
    return std::move(comparison.found);
}

std::string as_text(std::string heading, const std::vector<Difference>& differences) {
    for (const Difference& difference : differences)
        heading += "\n- " + difference.text;
    return heading;
}

} // namespace realmsync::model
