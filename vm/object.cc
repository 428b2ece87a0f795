#include "vm/object.h"

namespace vmsim::vm {

Object& ObjectTable::Create(ObjectType type, uint32_t size_pages) {
  ObjectId id;
  if (free_ids_.empty()) {
    id = static_cast<ObjectId>(objects_.size());
    objects_.emplace_back();
  } else {
    id = free_ids_.back();
    free_ids_.pop_back();
  }
  objects_[id] = std::make_unique<Object>(id, type, size_pages);
  return *objects_[id];
}

void ObjectTable::Destroy(ObjectId id) {
  Object& object = *objects_[id];
  CHECK_EQ(object.ref_count, 0, "object=", id);
  CHECK_EQ(object.paging_in_progress, 0, "object=", id);
  CHECK_EQ(object.resident_page_count, 0u, "object=", id);
  CHECK(object.swap.empty(), "object=", id);
  CHECK_EQ(object.shadow_count, 0, "object=", id);
  CHECK_EQ(object.backing, kNoObject, "object=", id);
  objects_[id].reset();
  free_ids_.push_back(id);
}

void ObjectTable::Insert(FrameIndex frame, Object& object, Pindex pindex) {
  CHECK_LT(pindex, object.size, "object=", object.id);
  CHECK_EQ(object.frames[pindex], 0u, "object=", object.id, " pindex=", pindex);
  Page& page = pages_[frame];
  CHECK_EQ(page.object, kNoObject, "frame=", frame);
  page.object = object.id;
  page.pindex = pindex;
  object.frames[pindex] = frame + 1;
  ++object.resident_page_count;
}

void ObjectTable::Remove(FrameIndex frame) {
  Page& page = pages_[frame];
  Object& object = (*this)[page.object];
  CHECK_EQ(object.frames[page.pindex], frame + 1, "object=", object.id);
  object.frames[page.pindex] = 0;
  --object.resident_page_count;
  page.object = kNoObject;
}

void ObjectTable::SetBacking(Object& object, Object& backing, Pindex offset) {
  CHECK_EQ(object.backing, kNoObject, "object=", object.id);
  CHECK_NE(object.id, backing.id);
  object.backing = backing.id;
  object.backing_offset = offset;
  object.prev_shadow = kNoObject;
  object.next_shadow = backing.first_shadow;
  if (backing.first_shadow != kNoObject) (*this)[backing.first_shadow].prev_shadow = object.id;
  backing.first_shadow = object.id;
  ++backing.shadow_count;
}

ObjectId ObjectTable::ClearBacking(Object& object) {
  const ObjectId id = object.backing;
  if (id == kNoObject) return kNoObject;
  Object& backing = (*this)[id];
  if (object.prev_shadow != kNoObject) {
    (*this)[object.prev_shadow].next_shadow = object.next_shadow;
  } else {
    CHECK_EQ(backing.first_shadow, object.id, "backing=", id);
    backing.first_shadow = object.next_shadow;
  }
  if (object.next_shadow != kNoObject) (*this)[object.next_shadow].prev_shadow = object.prev_shadow;
  object.next_shadow = object.prev_shadow = kNoObject;
  object.backing = kNoObject;
  object.backing_offset = 0;
  --backing.shadow_count;
  return id;
}

}  // namespace vmsim::vm
