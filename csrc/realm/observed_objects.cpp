#include "realm/observed_objects.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "tables/json_form.hpp"

namespace realmsync::realm {

namespace {

using Touch = TouchedObjects::Touch;

// Of what counts as the property's own: not what is inside of embedded objects.
std::uint64_t digest_of(const model::Schema& schema, const model::Property& property,
                        const model::Value& value) {
    std::string text;
    if (!property.is_embedded())
        tables::append_json(text, value, property, schema);
    else if (const model::List* list = value.list())
        text = std::to_string(list->items.size());
    else if (const model::Dictionary* dictionary = value.dictionary())
        for (const auto& [key, item] : dictionary->items)
            text.append(key).append(1, item.type() == Type::null ? '-' : '+');
    else
        text = value.type() == Type::null ? "-" : "+";
    return std::hash<std::string>()(text);
}

bool is_own(const model::Property& property, std::size_t depth) {
    return !property.is_embedded() ||
           depth <= (property.collection == Collection::single ? std::size_t{0} : std::size_t{1});
}

// Whether a target that was erased makes it look different.
bool may_lose_links(const model::Property& property, const TouchedObjects& touched) {
    if (property.type == kMixed)
        return touched.has_erased();
    return property.is_link() && touched.has_erased(property.target);
}

} // namespace

// One look at one snapshot.
class ObservedObjects::Look {
  public:
    Look(ObservedObjects& owner, tables::Tables& tables, const TouchedObjects& touched)
        : owner_(owner), tables_(tables), touched_(touched), schema_(tables.schema()) {}

    std::vector<News> run() {
        for (auto& [name, objects] : owner_.classes_)
            at_class(name, objects);
        greet();
        for (const std::uint64_t number : gone_)
            owner_.remove(number);
        return std::move(news_);
    }

  private:
    void at_class(const std::string& name, OfClass& objects) {
        const model::Class* cls = schema_->find(name);
        const TouchedObjects::OfClass* touched = touched_.of(name);
        const bool may_lose =
            cls != nullptr &&
            std::any_of(cls->properties.begin(), cls->properties.end(),
                        [&](const auto& property) { return may_lose_links(property, touched_); });
        if (cls == nullptr || touched_.is_unknown() || may_lose) {
            for (auto& [key, observed] : objects)
                at_object(cls, key, observed, touched);
        } else if (touched != nullptr && touched->objects().size() < objects.size()) {
            for (const auto& [key, touch] : touched->objects())
                if (const auto found = objects.find(key); found != objects.end())
                    at_object(cls, key, found->second, touched);
        } else if (touched != nullptr) {
            for (auto& [key, observed] : objects)
                if (touched->objects().contains(key.view()))
                    at_object(cls, key, observed, touched);
        }
    }

    void at_object(const model::Class* cls, const model::ObjectKey& key, Observed& observed,
                   const TouchedObjects::OfClass* touched) {
        if (observed.told.empty())
            return;
        const Touch* touch = nullptr;
        if (touched != nullptr)
            if (const auto found = touched->objects().find(key.view());
                found != touched->objects().end())
                touch = &found->second;
        const bool is_gone = (touch != nullptr && touch->is_erased) || cls == nullptr ||
                             !tables_.exists(tables::kOnlyPartition, *cls, key.view());
        std::vector<std::string> properties;
        if (!is_gone)
            properties = changed(*cls, key.view(), observed, touch, touched);
        if (!is_gone && properties.empty())
            return;
        for (const std::uint64_t number : observed.told) {
            news_.push_back({number, false, is_gone, properties});
            if (is_gone)
                gone_.push_back(number);
        }
        if (is_gone)
            observed.told.clear();
    }

    std::vector<std::string> changed(const model::Class& cls, const Key& key, Observed& observed,
                                     const Touch* touch, const TouchedObjects::OfClass* touched) {
        std::vector<std::string> names;
        const bool is_whole = touched_.is_unknown() || (touch != nullptr && touch->is_whole);
        for (std::size_t i = cls.has_key_property ? 1 : 0; i < cls.properties.size(); ++i) {
            const model::Property& property = cls.properties[i];
            bool is_written = false, is_own_write = false;
            if (touch != nullptr)
                for (const TouchedObjects::Written& written : touch->written)
                    if (touched->name(written) == property.name) {
                        is_written = true;
                        is_own_write = is_own(property, written.depth);
                    }
            if (!is_whole && !is_written && !may_lose_links(property, touched_))
                continue;
            if (update(cls, key, i, observed) || is_own_write)
                names.push_back(property.name);
        }
        return names;
    }

    // Whether the digest of a property is another one now.
    bool update(const model::Class& cls, const Key& key, std::size_t index, Observed& observed) {
        const auto value = tables_.read(tables::kOnlyPartition, *schema_, cls, key, index);
        const model::Property& property = cls.properties[index];
        const std::uint64_t digest = value ? digest_of(*schema_, property, *value) : 0;
        const auto [found, is_new] = observed.digests.try_emplace(property.name, digest);
        return !is_new && std::exchange(found->second, digest) != digest;
    }

    // New observers: what there is now is told as if it had always been.
    void greet() {
        for (const auto& [name, key] : std::exchange(owner_.fresh_, {})) {
            const auto objects = owner_.classes_.find(name);
            if (objects == owner_.classes_.end())
                continue;
            const auto found = objects->second.find(key);
            if (found == objects->second.end())
                continue;
            Observed& observed = found->second;
            const model::Class* cls = schema_->find(name);
            const bool is_there =
                cls != nullptr && tables_.exists(tables::kOnlyPartition, *cls, key.view());
            if (is_there && observed.told.empty())
                for (std::size_t i = cls->has_key_property ? 1 : 0; i < cls->properties.size(); ++i)
                    update(*cls, key.view(), i, observed);
            for (const std::uint64_t number : std::exchange(observed.fresh, {})) {
                news_.push_back({number, true, !is_there, {}});
                if (is_there)
                    observed.told.push_back(number);
                else
                    gone_.push_back(number);
            }
        }
    }

    ObservedObjects& owner_;
    tables::Tables& tables_;
    const TouchedObjects& touched_;
    const model::SchemaPtr schema_;
    std::vector<News> news_;
    std::vector<std::uint64_t> gone_; // observers that hear no more
};

void ObservedObjects::add(std::uint64_t number, std::string_view cls, const Key& key) {
    const std::string name(cls);
    const model::ObjectKey own(key);
    classes_[name][own].fresh.push_back(number);
    observers_.emplace(number, std::pair(name, own));
    fresh_.emplace_back(name, own);
}

void ObservedObjects::remove(std::uint64_t number) {
    const auto observer = observers_.find(number);
    if (observer == observers_.end())
        return;
    const auto& [name, key] = observer->second;
    OfClass& objects = classes_[name];
    const auto found = objects.find(key);
    if (found != objects.end()) {
        std::erase(found->second.told, number);
        std::erase(found->second.fresh, number);
        if (found->second.told.empty() && found->second.fresh.empty())
            objects.erase(found);
    }
    if (objects.empty())
        classes_.erase(name);
    observers_.erase(observer);
}

std::vector<ObservedObjects::News> ObservedObjects::look(tables::Tables& tables,
                                                         const TouchedObjects& touched) {
    return Look(*this, tables, touched).run();
}

} // namespace realmsync::realm
