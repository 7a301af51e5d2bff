#include "bindings/testbed/recorded_world.hpp"

#include "bindings/testbed/recorded_forms.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

using query::Image;

// How often the value links to the object.
std::size_t links(const model::Value& value, const Image& to) {
    if (const model::Link* link = value.link())
        return link->table == to.cls->name && model::equal(link->key.view(), to.key);
    std::size_t count = 0;
    if (const model::List* list = value.list())
        for (const model::Value& item : list->items)
            count += links(item, to);
    if (const model::Set* set = value.set())
        for (const model::Value& item : set->items)
            count += links(item, to);
    if (const model::Dictionary* dictionary = value.dictionary())
        for (const auto& [key, item] : dictionary->items)
            count += links(item, to);
    return count;
}

} // namespace

RecordedWorld::RecordedWorld(const py::dict& dataset)
    : schema_(recorded_schema(dataset["classes"].cast<py::list>())),
      full_text_(recorded_full_text(dataset["classes"].cast<py::list>())) {
    for (const auto& [name, objects] : dataset["objects"].cast<py::dict>()) {
        const model::Class& cls = class_named(name.cast<std::string>());
        for (py::handle form : objects.cast<py::list>())
            add(cls, recorded_properties(form.cast<py::dict>(), cls, *schema_));
    }
    for (auto& [cls, images] : images_)
        for (std::size_t i = 0; i < images.size() && !cls->embedded(); ++i) {
            by_key_[{cls, model::to_text(images[i].key)}] = &images[i];
            add_embedded(*cls, images[i].values, images[i].count);
        }
}

const model::Class& RecordedWorld::class_named(const std::string& name) const {
    const model::Class* cls = schema_->find(name);
    if (!cls)
        throw py::key_error(name);
    return *cls;
}

const Image* RecordedWorld::target(const model::Class& cls, const Key& key) {
    auto found = by_key_.find({&cls, model::to_text(key)});
    return found == by_key_.end() ? nullptr : found->second;
}

void RecordedWorld::sources(const model::Class& cls, std::size_t property, const Image& to,
                            const std::function<bool(const Image&)>& visit) {
    if (to.key.type == Type::null && to.cls->embedded())
        return;
    for (const Image& source : images_[&cls])
        for (std::size_t n = links(source.values[property], to); n > 0; --n)
            if (!visit(source))
                return;
}

void RecordedWorld::add(const model::Class& cls, std::vector<model::Value> values) {
    kept_.push_back(std::make_unique<std::vector<model::Value>>(std::move(values)));
    const std::vector<model::Value>& kept = *kept_.back();
    Image image{&cls, {}, kept.data(), kept.size()};
    if (cls.has_key_property) {
        Scalar key = kept[0].view(scratch_);
        image.key.type = key.type;
        image.key.string = key.bytes;
        if (key.type == Type::integer)
            image.key.integer = key.integer;
        else if (key.type == Type::object_id)
            image.key.object_id = key.object_id;
        else if (key.type == Type::uuid)
            image.key.uuid = key.uuid;
    }
    images_[&cls].push_back(image);
}

void RecordedWorld::add_embedded(const model::Class& cls, const model::Value* values,
                                 std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        if (cls.properties[i].is_embedded())
            add_embedded(*schema_->find(cls.properties[i].target), values[i]);
}
void RecordedWorld::add_embedded(const model::Class& cls, const model::Value& value) {
    if (const model::Embedded* embedded = value.embedded()) {
        images_[&cls].push_back(
            {&cls, {}, embedded->properties.data(), embedded->properties.size()});
        add_embedded(cls, embedded->properties.data(), embedded->properties.size());
    } else if (const model::List* list = value.list()) {
        for (const model::Value& item : list->items)
            add_embedded(cls, item);
    } else if (const model::Dictionary* dictionary = value.dictionary()) {
        for (const auto& [key, item] : dictionary->items)
            add_embedded(cls, item);
    }
}

} // namespace realmsync::bindings::testbed
