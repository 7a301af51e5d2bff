#include "tables/object_changeset.hpp"

namespace realmsync::tables {

void ObjectChangeset::begin(const model::Class& cls, const Key& key) {
    cls_ = &cls;
    key_ = key;
    writer_.create_object(cls.name, key);
}

void ObjectChangeset::add_property(std::size_t index, const model::Value& value) {
    field_ = cls_->properties[index].name;
    property(value, cls_->properties[index]);
}

void ObjectChangeset::property(const model::Value& value, const model::Property& property) {
    if (property.collection == Collection::single)
        assign(value, property);
    else
        contents(value, property);
}

void ObjectChangeset::assign(const model::Value& value, const model::Property& property) {
    LinkTarget link;
    writer_.update(address(), value.view(link), 0);
    contents(value, property);
}

// The depth of values is bounded (model::kMaxDepth).
void ObjectChangeset::contents(const model::Value& value, const model::Property& property) {
    if (const model::List* list = value.list()) {
        std::uint32_t i = 0;
        for (const model::Value& item : list->items) {
            LinkTarget link;
            path_.push_back({false, i, {}});
            writer_.array_insert(address(), item.view(link), i++);
            contents(item, property);
            path_.pop_back();
        }
    } else if (const model::Set* set = value.set()) {
        for (const model::Value& item : set->items) {
            LinkTarget link;
            writer_.set_insert(address(), item.view(link));
        }
    } else if (const model::Dictionary* dictionary = value.dictionary()) {
        for (const auto& [name, item] : dictionary->items) {
            path_.push_back({true, 0, name});
            assign(item, property);
            path_.pop_back();
        }
    } else if (const model::Embedded* object = value.embedded()) {
        const model::Class* cls = schema_.find(property.target);
        for (std::size_t i = 0; i < object->properties.size(); i++) {
            path_.push_back({true, 0, cls->properties[i].name});
            this->property(object->properties[i], cls->properties[i]);
            path_.pop_back();
        }
    }
}

} // namespace realmsync::tables
