// Reads a changeset's instructions and hands them to apply.cpp; schema instructions.
#include "tables/apply.hpp"
#include "tables/catalog.hpp"

namespace realmsync::tables {

namespace {

using changeset::Changeset;
using changeset::Instruction;
using changeset::Op;

// What the steps take, in ns.
constexpr std::uint64_t kInstruction = 200;
constexpr std::uint64_t kStep = 50; // of a path
constexpr std::uint64_t kSchemaInstruction = 30'000;

// What names of one changeset mean under the present schema, found once each.
class Names {
  public:
    Names(const Changeset& changeset) : changeset_(changeset) {}

    void forget() {
        classes_.clear();
        fields_.clear();
    }
    const model::Class* find_class(const model::Schema& schema, changeset::StringId id) {
        if (classes_.empty())
            classes_.resize(changeset_.strings.size(), nullptr);
        if (classes_[id] == nullptr)
            classes_[id] = schema.find(changeset_.strings[id]);
        return classes_[id];
    }
    std::size_t find_field(const model::Class& cls, changeset::StringId id) {
        if (fields_.empty())
            fields_.resize(changeset_.strings.size());
        Field& field = fields_[id];
        if (field.cls != &cls)
            field = {&cls, cls.find(changeset_.strings[id])};
        return field.property;
    }

  private:
    struct Field {
        const model::Class* cls = nullptr;
        std::size_t property = model::Class::npos;
    };
    const Changeset& changeset_;
    std::vector<const model::Class*> classes_;
    std::vector<Field> fields_;
};

} // namespace

void Applier::apply(const Changeset& changeset) {
    Names names(changeset);
    std::vector<changeset::Step> path;
    for (const Instruction& i : changeset.instructions) {
        work_.spend(kInstruction + kStep * i.path_size);
        if (is_schema(i.op)) {
            change_schema(changeset, i);
            names.forget();
            continue;
        }
        finish_schema();
        const model::Class* cls = names.find_class(*schema_, i.table);
        if (cls == nullptr)
            raise(ErrorKind::bad_changeset, std::string(op_name(i.op)) + ": Table '" +
                                                std::string(changeset.strings[i.table]) +
                                                "' does not exist");
        Target target{cls, changeset.key(i), model::Class::npos, {}, op_name(i.op)};
        if (i.op == Op::create_object) {
            create_object(*cls, target.key);
            continue;
        }
        if (i.op == Op::erase_object) {
            erase_object(*cls, target.key);
            continue;
        }
        target.property = names.find_field(*cls, i.field);
        if (target.property == model::Class::npos)
            fail(target, "No such field: '" + std::string(changeset.strings[i.field]) +
                             "' in class '" + cls->name + "'");
        if (i.path_size != 0) {
            path.clear();
            for (const changeset::PathElement& element : changeset.path(i))
                path.push_back(to_step(changeset, element));
            target.path = path;
        }
        LinkTarget link;
        switch (i.op) {
        case Op::update:
            update(target, changeset.value(i, link),
                   changeset.addresses_element(i) ? std::int64_t{i.prior_size} : -1);
            break;
        case Op::add_integer: add_integer(target, i.value.integer); break;
        case Op::array_insert: array_insert(target, changeset.value(i, link), i.prior_size); break;
        case Op::array_move: array_move(target, i.value.move_to, i.prior_size); break;
        case Op::array_erase: array_erase(target, i.prior_size); break;
        case Op::clear: clear(target, i.collection); break;
        case Op::set_insert: set_insert(target, changeset.value(i, link)); break;
        case Op::set_erase: set_erase(target, changeset.value(i, link)); break;
        default: break;
        }
    }
}

// Before objects are touched again.
void Applier::finish_schema() {
    Catalog& catalog = tables_.catalog();
    if (!catalog.has_additions())
        return;
    work_.spend(catalog.cost_of_additions());
    schema_ = catalog.schema(partition_);
}

void Applier::change_schema(const Changeset& changeset, const Instruction& i) {
    work_.spend(kSchemaInstruction);
    flush_objects(); // pending ones are in terms of the old classes
    Catalog& catalog = tables_.catalog();
    std::string_view cls = changeset.strings[i.table];
    switch (i.op) {
    case Op::add_table: {
        bool embedded = i.table_kind == TableKind::embedded;
        catalog.add_class(partition_, cls, i.table_kind,
                          embedded ? std::string_view() : changeset.strings[i.field],
                          embedded ? Type::null : i.value_type, i.nullable);
        break;
    }
    case Op::erase_table:
        finish_schema();
        schema_ = catalog.erase_class(partition_, cls);
        break;
    case Op::add_column:
        if (i.collection == Collection::dictionary && i.key_type != Type::string)
            raise(ErrorKind::bad_changeset, "AddColumn '" + std::string(cls) + "." +
                                                std::string(changeset.strings[i.field]) +
                                                "' adding dictionary column with non-string keys");
        catalog.add_property(
            partition_, cls, changeset.strings[i.field], i.value_type, i.nullable, i.collection,
            i.value_type == Type::link ? changeset.strings[i.value.target] : std::string_view());
        break;
    default: erase_property(cls, changeset.strings[i.field]);
    }
}

void Applier::erase_property(std::string_view cls, std::string_view property) {
    finish_schema();
    const model::SchemaPtr old = schema_;
    schema_ = tables_.catalog().erase_property(partition_, cls, property);
    if (old->find(cls)->embedded())
        purge_embedded(*old, cls);
}

// Rewrites the rows that hold objects of an embedded class which has lost a property, so that the
// old values do not come back should a property of that name be added again. O(rows).
void Applier::purge_embedded(const model::Schema& old, std::string_view embedded) {
    for (const auto& [name, cls] : schema_->classes) {
        if (cls->embedded())
            continue;
        for (std::size_t p = 0; p < cls->properties.size(); p++) {
            if (!Catalog::reaches(old, cls->properties[p], embedded))
                continue;
            std::optional<model::ObjectKey> after;
            for (;;) {
                Key last;
                if (after)
                    last = after->view();
                auto keys = tables_.keys(partition_, *cls, after ? &last : nullptr, 256);
                for (const model::ObjectKey& key : keys) {
                    auto value =
                        tables_.read(partition_, *schema_, *cls, key.view(), p, Links::stored);
                    if (!value->is_container())
                        continue;
                    cache_.set_tree(object({cls.get(), key.view(), p, {}, "EraseColumn"}), p,
                                    std::move(*value));
                }
                flush();
                if (keys.empty())
                    break;
                after = keys.back();
            }
        }
    }
}

} // namespace realmsync::tables
